/* verdict.c - the error table of ACS SMS.  Invariant: nobody is SENT without an item that says so, and no
 * answer that leaves doubt is called a failure. */
#include "acs_sms/verdict.h"

#include <string.h>
#include <strings.h>

struct status_row {
	int status;
	enum herald_verdict verdict;
	const char *enhanced;
};

/* The whole call.  401, 403 and 404 are about our key, our resource and our address of it, whoever the
 * recipients are.  412: a pair of id and first-sent that the service will not honour any more. */
static const struct status_row call_rows[] = {
	{400, HERALD_REJECTED, "5.5.4"},      {401, HERALD_MISCONFIGURED, "4.3.5"},
	{403, HERALD_MISCONFIGURED, "4.3.5"}, {404, HERALD_MISCONFIGURED, "4.3.5"},
	{405, HERALD_MISCONFIGURED, "4.3.5"}, {408, HERALD_DEFERRED, "4.4.2"},
	{409, HERALD_DEFERRED, "4.3.0"},      {412, HERALD_UNCERTAIN, "4.4.0"},
	{413, HERALD_REJECTED, "5.3.4"},      {425, HERALD_DEFERRED, "4.3.0"},
	{429, HERALD_THROTTLED, "4.7.1"},
};

/* One recipient.  401 is about the whole channel wherever it stands; 403 and 404 here are about this one. */
static const struct status_row item_rows[] = {
	{400, HERALD_REJECTED, "5.5.4"}, {401, HERALD_MISCONFIGURED, "4.3.5"},
	{403, HERALD_REJECTED, "5.7.1"}, {404, HERALD_REJECTED, "5.1.0"},
	{408, HERALD_DEFERRED, "4.4.2"}, {409, HERALD_DEFERRED, "4.3.0"},
	{425, HERALD_DEFERRED, "4.3.0"}, {429, HERALD_THROTTLED, "4.7.1"},
};

static struct status_row find_row(const struct status_row *rows, size_t count, int status)
{
	for (size_t i = 0; i < count; i++)
		if (rows[i].status == status)
			return rows[i];
	if (status >= 500)
		return (struct status_row){status, HERALD_DEFERRED, "4.3.0"};
	if (status >= 400)
		return (struct status_row){status, HERALD_REJECTED, "5.5.0"};
	return (struct status_row){status, HERALD_UNCERTAIN, "4.4.0"};
}

void sms_verdict_call(const struct herald_host *host, const struct herald_http_reply *reply,
		      struct herald_outcome *outcome)
{
	struct acs_fault fault;

	if (acs_outcome_unanswered(host, reply, false, outcome))
		return;
	if (reply->status >= 200 && reply->status < 300) {
		acs_outcome_set(outcome, HERALD_UNCERTAIN, "4.4.0",
				"ACS answered %d, but without a word about this recipient", reply->status);
		return;
	}
	if (reply->status < 400) {
		acs_outcome_set(outcome, HERALD_MISCONFIGURED, "4.3.5",
				"ACS answered %d: is the endpoint right?", reply->status);
		return;
	}
	struct status_row row = find_row(call_rows, sizeof(call_rows) / sizeof(call_rows[0]), reply->status);
	acs_fault_read(reply->body, &fault);
	acs_outcome_set(outcome, row.verdict, row.enhanced, "ACS answered %d %s: %s", reply->status,
			fault.code, fault.message[0] != '\0' ? fault.message : "no reason given");
}

static bool says(const char *text, const char *words)
{
	return strcasestr(text, words) != NULL;
}

/* A 400 or 403 whose words are about the number itself: it will never work. */
static bool is_about_number(const char *message)
{
	return says(message, "to phone number") || says(message, "recipient phone number") ||
	       says(message, "blocked for given recipient") || says(message, "opted out") ||
	       says(message, "landline");
}

static void settle_item(const json_t *item, const struct herald_message *message,
			struct herald_outcome *outcome)
{
	const char *text = acs_json_string(item, "errorMessage");
	json_int_t status = json_integer_value(json_object_get(item, "httpStatusCode"));
	bool is_successful = json_is_true(json_object_get(item, "successful"));
	bool is_refused = strcasecmp(acs_json_string(item, "repeatabilityResult"), "rejected") == 0;

	if (is_successful && status >= 200 && status < 300) {
		acs_outcome_sent(outcome, acs_json_string(item, "messageId"), "accepted by ACS");
		return;
	}
	/* Some refusals of a message carry the word, too: then its own status tells more. */
	if (status == 412 || (is_refused && (status < 400 || status > 599))) {
		/* The pair was not honoured, so this attempt sent nothing; of an earlier one nobody knows. */
		if (message->attempt > 1)
			acs_outcome_set(outcome, HERALD_UNCERTAIN, "4.4.0",
					"ACS no longer honours the repeatability id; an earlier attempt may "
					"have arrived");
		else
			acs_outcome_set(
				outcome, HERALD_DEFERRED, "4.3.0",
				"ACS did not honour the repeatability id: is this machine's clock right?");
		return;
	}
	if (is_successful || status < 400 || status > 599) {
		acs_outcome_set(outcome, HERALD_UNCERTAIN, "4.4.0",
				"ACS contradicts itself about this recipient");
		return;
	}
	struct status_row row = find_row(item_rows, sizeof(item_rows) / sizeof(item_rows[0]), (int)status);
	if (row.verdict == HERALD_REJECTED && is_about_number(text))
		row = (struct status_row){(int)status, HERALD_UNREACHABLE, "5.1.1"};
	acs_outcome_set(outcome, row.verdict, row.enhanced, "ACS answered %d for this recipient: %s",
			(int)status, text[0] != '\0' ? text : "no reason given");
}

void sms_verdict_items(const struct herald_http_reply *reply, const struct herald_job *const *jobs,
		       size_t count, struct herald_outcome *const *outcomes)
{
	json_t *json, *item;
	size_t at;

	if (reply->failure != HERALD_HTTP_ANSWERED || reply->status < 200 || reply->status > 299)
		return;
	json = acs_json_read(reply->body);
	json_array_foreach(json_object_get(json, "value"), at, item)
	{
		const char *to = acs_json_string(item, "to");
		for (size_t i = 0; i < count; i++)
			if (strcmp(jobs[i]->message->address, to) == 0)
				settle_item(item, jobs[i]->message, outcomes[i]);
	}
	json_decref(json);
}
