/* Words are filled from facts, escaped for their place, and data is never read again as a template. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "route/template.h"

static const char *const data_text = "{\"name\":\"Ada\",\"order\":{\"id\":4711,\"paid\":true,\"sum\":1.5},"
				     "\"evil\":\"<b>\\\"&'\",\"list\":[1],\"nil\":null,"
				     "\"tag\":\"{{name}}\",\"crlf\":\"x\\r\\nBcc: v@e\",\"empty\":\"\"}";

/* Renders source; answers the text, or "! fault" of the first. */
static const char *render(const char *source, enum template_place place)
{
	static char answer[256];
	struct arena *arena = arena_new();
	json_t *data = json_loads(data_text, 0, NULL);
	json_t *recipient = json_pack("{s:s}", "name", "Grace");
	json_t *category = json_pack("{s:s}", "name", "order.shipped");
	const struct template_facts facts = {.data = data, .recipient = recipient, .category = category};
	struct herald_builder builder;
	struct faults faults;

	faults_init(&faults, arena);
	herald_builder_init(&builder, 4096);
	if (template_render(source, place, &facts, "/content/default/text", &builder, &faults)) {
		strncpy(answer, builder.data, sizeof(answer) - 1);
	} else {
		answer[0] = '!';
		answer[1] = ' ';
		strncpy(answer + 2, faults.items[0].fault, sizeof(answer) - 3);
		assert_string_equal(faults.items[0].pointer, "/content/default/text");
	}
	herald_builder_done(&builder);
	json_decref(data);
	json_decref(recipient);
	json_decref(category);
	arena_free(arena);
	return answer;
}

static void values_stand_where_their_tags_stood(void **state)
{
	(void)state;
	assert_string_equal(render("Hello {{name}}, #{{order.id}}", TEMPLATE_TEXT), "Hello Ada, #4711");
	assert_string_equal(render("{{ name }}{{order.paid}}{{order.sum}}", TEMPLATE_TEXT), "Adatrue1.5");
	assert_string_equal(render("{{recipient.name}}/{{category.name}}", TEMPLATE_TEXT),
			    "Grace/order.shipped");
	assert_string_equal(render("a } b { c }} {{empty}}|", TEMPLATE_TEXT), "a } b { c }} |");
}

static void html_is_escaped_and_text_is_not(void **state)
{
	(void)state;
	assert_string_equal(render("<i>{{evil}}</i>", TEMPLATE_HTML), "<i>&lt;b&gt;&quot;&amp;&#39;</i>");
	assert_string_equal(render("{{evil}}", TEMPLATE_TEXT), "<b>\"&'");
}

static void data_is_never_read_as_a_template(void **state)
{
	(void)state;
	assert_string_equal(render("{{tag}}", TEMPLATE_TEXT), "{{name}}");
}

static void a_line_end_never_reaches_a_header(void **state)
{
	(void)state;
	assert_string_equal(render("{{crlf}}", TEMPLATE_LINE), "! range");
	assert_string_equal(render("a\r\nBcc: v@e", TEMPLATE_LINE), "! range");
	assert_string_equal(render("a\nb", TEMPLATE_TEXT), "a\nb");
}

static void what_cannot_be_said_is_a_fault(void **state)
{
	(void)state;
	assert_string_equal(render("{{nobody}}", TEMPLATE_TEXT), "! missing");
	assert_string_equal(render("{{order.nothing.deeper}}", TEMPLATE_TEXT), "! missing");
	assert_string_equal(render("{{nil}}", TEMPLATE_TEXT), "! missing");
	assert_string_equal(render("{{order}}", TEMPLATE_TEXT), "! type");
	assert_string_equal(render("{{list}}", TEMPLATE_TEXT), "! type");
	assert_string_equal(render("{{name", TEMPLATE_TEXT), "! syntax");
	assert_string_equal(render("{{}}", TEMPLATE_TEXT), "! syntax");
	assert_string_equal(render("{{a..b}}", TEMPLATE_TEXT), "! syntax");
	assert_string_equal(render("{{a b}}", TEMPLATE_TEXT), "! syntax");
	assert_string_equal(render("{{#each}}", TEMPLATE_TEXT), "! unsupported");
	assert_string_equal(render("{{{name}}}", TEMPLATE_TEXT), "! unsupported");
	assert_string_equal(render("{{> ../../etc/passwd}}", TEMPLATE_TEXT), "! unsupported");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_stand_where_their_tags_stood),
		cmocka_unit_test(html_is_escaped_and_text_is_not),
		cmocka_unit_test(data_is_never_read_as_a_template),
		cmocka_unit_test(a_line_end_never_reaches_a_header),
		cmocka_unit_test(what_cannot_be_said_is_a_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
