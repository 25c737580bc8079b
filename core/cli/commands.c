/* The table of commands.  Help, completion and herald(1) are made from it; a command that is not here does
 * not exist. */
#include "cli/cli.h"

#include "base/check.h"

const struct cli_option cli_global_options[] = {
	{"json", NULL, "Print exactly what the API answered.", false},
	{"socket", "PATH", "The daemon's admin socket (HERALD_SOCKET; /run/herald/admin.sock).", false},
	{"url", "URL",
	 "Ask over HTTP instead, like http://127.0.0.1:8470 (HERALD_URL); the key is in HERALD_KEY.", false},
	{"tenant", "NAME", "The tenant, over the admin socket (HERALD_TENANT; default).", false},
	{"timeout", "SECONDS", "How long to wait for an answer (60).", false},
	{"colour", "WHEN", "auto, always or never.", false},
	{"help", NULL, "Say what the command does and what it takes.", false},
	{NULL, NULL, NULL, false},
};

#define WORDS_OPTIONS                                                                                     \
	{"to", "RECIPIENT", "A recipient's id; may be given again.", true},                               \
		{"email", "ADDRESS", "An e-mail address of somebody who is no recipient.", true},         \
		{"sms", "NUMBER", "A phone number of somebody who is no recipient.", true},               \
		{"bot", "ADDRESS", "A bot address of somebody who is no recipient.", true},               \
		{"text", "WORDS", "The words, with {{path}} where data goes.", false},                    \
		{"subject", "WORDS", "The subject, for e-mail.", false},                                  \
		{"data", "NAME=VALUE", "A value for {{NAME}}; may be given again.", true},                \
		{"channel", "NAME", "Only this channel or kind; may be given again.", true},              \
		{"priority", "LEVEL", "bulk, normal, high or critical.", false},                          \
		{"strategy", "NAME", "all or first.", false},                                             \
	{                                                                                                 \
		"file", "FILE", "The whole body as JSON (- is standard input); other options go on top.", \
			false                                                                             \
	}

static const struct cli_option send_options[] = {
	WORDS_OPTIONS,
	{"send-at", "INSTANT", "Not before then.", false},
	{"expires-in", "DURATION", "Of no use after that, like 2d.", false},
	{"idempotency-key", "KEY", "The same key and body are one notification.", false},
	{"test", NULL, "Do everything but hand it to a provider.", false},
	{NULL, NULL, NULL, false},
};

static const struct cli_option explain_options[] = {
	WORDS_OPTIONS,
	{"at", "INSTANT", "As if it were then.", false},
	{NULL, NULL, NULL, false},
};

static const struct cli_option show_options[] = {
	{"timeline", NULL, "Every decision, attempt and answer, in order.", false},
	{NULL, NULL, NULL, false},
};

static const struct cli_option page_options[] = {
	{"limit", "N", "At most so many (100).", false},
	{"after", "CURSOR", "Go on where the last page ended.", false},
	{NULL, NULL, NULL, false},
};

static const struct cli_option notifications_options[] = {
	{"recipient", "ID", "Only of this recipient.", false},
	{"category", "NAME", "Only of this category.", false},
	{"correlation-id", "ID", "Only with this correlation id.", false},
	{"state", "STATE", "scheduled, active or done.", false},
	{"since", "INSTANT", "Not older than that.", false},
	{"limit", "N", "At most so many (100).", false},
	{"after", "CURSOR", "Go on where the last page ended.", false},
	{NULL, NULL, NULL, false},
};

static const struct cli_option deliveries_options[] = {
	{"state", "STATE", "Only in this state, like dead or parked.", false},
	{"channel", "NAME", "Only of this channel.", false},
	{"recipient", "ID", "Only of this recipient.", false},
	{"reason", "REASON", "Only with this reason.", false},
	{"since", "INSTANT", "Not older than that.", false},
	{"limit", "N", "At most so many (100).", false},
	{"after", "CURSOR", "Go on where the last page ended.", false},
	{NULL, NULL, NULL, false},
};

static const struct cli_option redrive_options[] = {
	{"channel", "NAME", "Only of this channel.", false},
	{"recipient", "ID", "Only of this recipient.", false},
	{"reason", "REASON", "Only with this reason.", false},
	{"state", "STATE", "dead (the default) or expired.", false},
	{"since", "INSTANT", "Not older than that.", false},
	{"limit", "N", "At most so many (1000).", false},
	{NULL, NULL, NULL, false},
};

static const struct cli_option prefs_options[] = {
	{"effective", NULL, "What it comes to, for each category and channel.", false},
	{NULL, NULL, NULL, false},
};

static const struct cli_option put_options[] = {
	{"file", "FILE", "The body as JSON (- is standard input, the default).", false},
	{"check-later", NULL, "Store addresses also while their channel is down.", false},
	{NULL, NULL, NULL, false},
};

static const struct cli_option file_options[] = {
	{"file", "FILE", "The body as JSON (- is standard input, the default).", false},
	{NULL, NULL, NULL, false},
};

static const struct cli_option suppress_options[] = {
	{"reason", "WORDS", "Why.", false},
	{"until", "INSTANT", "Until when; without it, for ever.", false},
	{NULL, NULL, NULL, false},
};

static const struct cli_option pause_options[] = {
	{"reason", "WORDS", "Why, for whoever looks next.", false},
	{NULL, NULL, NULL, false},
};

static const struct cli_option key_options[] = {
	{"scope", "SCOPE",
	 "send, read, recipients, preferences, categories, operate or admin; may be given again.", true},
	{"for", "TENANT", "The tenant it is for; one exists from its first key.", false},
	{"name", "NAME", "What to call it.", false},
	{"rate", "N/s", "At most so many requests a second.", false},
	{"expires-at", "INSTANT", "Of no use after that.", false},
	{NULL, NULL, NULL, false},
};

static const struct cli_option doctor_options[] = {
	{"config", "DIR", "The daemon's conf.d, to be checked (HERALD_CONFIG; /etc/herald/conf.d).", false},
	{NULL, NULL, NULL, false},
};

static const struct cli_option plugins_options[] = {
	{"dir", "DIR", "Where the plugins are (HERALD_PLUGIN_DIR).", false},
	{NULL, NULL, NULL, false},
};

static const struct cli_option manual_options[] = {
	{"command", "NAME", "The page of one family of commands.", false},
	{NULL, NULL, NULL, false},
};

const struct cli_command cli_commands[] = {
	{"send", "CATEGORY", 0, 1, "Make something known to somebody", send_options, cli_send},
	{"explain", "CATEGORY", 0, 1, "Who would get it, on which channel, and why not on the others",
	 explain_options, cli_explain},
	{"show", "NOTIFICATION", 1, 1, "What became of a notification", show_options, cli_show},
	{"notifications", "", 0, 0, "List notifications, newest first", notifications_options,
	 cli_notifications},
	{"cancel", "NOTIFICATION", 1, 1, "Take back what is not on the wire", NULL, cli_cancel},
	{"deliveries", "", 0, 0, "List deliveries", deliveries_options, cli_deliveries},
	{"deliveries show", "DELIVERY", 1, 1, "A delivery and its attempts", NULL, cli_delivery},
	{"deliveries resolve", "DELIVERY delivered|dead|retry", 2, 2, "Say what became of a parked delivery",
	 NULL, cli_resolve},
	{"redrive", "[DELIVERY]", 0, 1, "Send dead letters again: one, or all that fit", redrive_options,
	 cli_redrive},
	{"recipients", "", 0, 0, "List recipients", page_options, cli_recipients},
	{"recipients show", "ID", 1, 1, "A recipient and their addresses", NULL, cli_recipient},
	{"recipients put", "ID", 1, 1, "Make or replace a recipient", put_options, cli_recipient_put},
	{"recipients delete", "ID", 1, 1, "Forget a recipient; what waits is cancelled", NULL,
	 cli_recipient_delete},
	{"prefs", "RECIPIENT", 1, 1, "What a recipient chose", prefs_options, cli_prefs},
	{"prefs set", "RECIPIENT PATH=VALUE...", 2, 15,
	 "Change choices, like channels.sms=false, categories.news=true or categories.news.channels.sms=null",
	 NULL, cli_prefs_set},
	{"prefs history", "RECIPIENT", 1, 1, "Every change of a recipient's choices", page_options,
	 cli_prefs_history},
	{"categories", "", 0, 0, "List categories", page_options, cli_categories},
	{"categories show", "NAME", 1, 1, "A category and its policy", NULL, cli_category},
	{"categories put", "NAME", 1, 1, "Make or replace a category", file_options, cli_category_put},
	{"categories delete", "NAME", 1, 1, "Remove a category that is not in use", NULL,
	 cli_category_delete},
	{"suppressions", "", 0, 0, "List addresses that are not tried", page_options, cli_suppressions},
	{"suppressions add", "KIND ADDRESS", 2, 2, "Never try an address", suppress_options, cli_suppress},
	{"suppressions remove", "KIND ADDRESS", 2, 2, "Try an address again", NULL, cli_unsuppress},
	{"channels", "", 0, 0, "List the channels and how they are", NULL, cli_channels},
	{"channels show", "NAME", 1, 1, "A channel and how it is", NULL, cli_channel},
	{"channels pause", "NAME", 1, 1, "Let the deliveries of a channel wait", pause_options,
	 cli_channel_pause},
	{"channels resume", "NAME", 1, 1, "Let a paused or misconfigured channel go on", NULL,
	 cli_channel_resume},
	{"channels test", "NAME ADDRESS", 2, 2, "Send one real message, and say how it went", NULL,
	 cli_channel_test},
	{"plugins", "", 0, 0, "List the plugins that are installed", plugins_options, cli_plugins},
	{"plugins describe", "NAME|FILE", 1, 1, "A plugin's options", plugins_options, cli_plugin_describe},
	{"plugins check", "NAME|FILE", 1, 1, "Does a plugin keep the rules of the border", plugins_options,
	 cli_plugin_check},
	{"keys", "", 0, 0, "List API keys", page_options, cli_keys},
	{"keys create", "", 0, 0, "Make an API key; its secret is shown once", key_options, cli_key_create},
	{"keys revoke", "KEY", 1, 1, "Revoke an API key", NULL, cli_key_revoke},
	{"audit", "", 0, 0, "Who did what, newest first", page_options, cli_audit},
	{"audit verify", "", 0, 0, "Does the chain of the audit hold", NULL, cli_audit_verify},
	{"watch", "", 0, 0, "What happens in the daemon, live", NULL, cli_watch},
	{"doctor", "", 0, 0, "Look at everything that can be wrong, and say what to do", doctor_options,
	 cli_doctor},
	{"completion", "bash", 1, 1, "Completion for a shell: source <(herald completion bash)", NULL,
	 cli_completion},
	{"manual", "", 0, 0, "The manual page, in mdoc", manual_options, cli_manual},
};

const size_t cli_command_count = countof(cli_commands);
