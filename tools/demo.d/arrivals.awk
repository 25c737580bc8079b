# arrivals.awk - reads what the sandbox says has arrived (GET /arrivals, one arrival a line).
#
#   mode=list      people arrivals              one line each, in the order of arrival
#   mode=account   people expected arrivals     what should have arrived beside what did; exit 1 if they differ
#
# people: person, service and address, with tabs.  expected: "order person service..."; 5001 and above are told
# together.  An arrival is known by its address, its service and the order number in its words.
function field(name) {
	if (!match($0, "\"" name "\":\"[^\"]*\""))
		return ""
	return substr($0, RSTART + length(name) + 4, RLENGTH - length(name) - 5)
}
function ms(instant, part) {
	split(substr(instant, 12), part, /[:Z]/)
	return (part[1] * 3600 + part[2] * 60) * 1000 + part[3] * 1000
}
function order_of(text) {
	return match(text, /order [0-9]+/) ? substr(text, RSTART + 6, RLENGTH - 6) : "?"
}
function group_of(order) {
	return order > 5000 ? "5001.." : order
}
function add(list, word) {
	return list == "" ? word : list ", " word
}
# "3 chat, 3 e-mail", or only the names where each came once.
function cell(count, group, person, total, i, text) {
	text = ""
	for (i = 1; i <= 4; i++)
		if ((group, person, services[i]) in count)
			text = add(text, (total > 1 || count[group, person, services[i]] > 1 ? \
				count[group, person, services[i]] " " : "") label[services[i]])
	return text == "" ? "nothing" : text
}
BEGIN {
	split("bot chat sms email", services, " ")
	label["bot"] = "Teams"
	label["chat"] = "ACS chat"
	label["sms"] = "SMS"
	label["email"] = "e-mail"
}
FILENAME ~ /people$/ {
	split($0, part, "\t")
	owner[part[2], part[3]] = part[1]
	next
}
FILENAME ~ /expected$/ {
	group = group_of($1)
	if (!((group, $2) in row)) {
		row[group, $2] = ++rows
		row_group[rows] = group
		row_person[rows] = $2
	}
	orders[group, $2]++
	for (i = 3; i <= NF; i++) {
		should[$1, $2, $i]++
		group_should[group, $2, $i]++
		total_should++
	}
	next
}
/"channel":/ {
	service = field("channel")
	person = ((service, field("to")) in owner) ? owner[service, field("to")] : field("to")
	text = field("text")
	if (mode == "list") {
		printf "    %s+%4d ms%s  %-5s %-9s %s\n", green, (ms(field("at")) - ms(since) + 86400000) % 86400000, plain,
			person, label[service], text
		next
	}
	order = order_of(text)
	did[order, person, service]++
	group_did[group_of(order), person, service]++
	total_did++
}
END {
	if (mode != "account")
		exit 0
	for (key in should) {
		if (did[key] + 0 < should[key])
			missing += should[key] - did[key]
		if (did[key] > should[key])
			twice += did[key] - should[key]
	}
	for (key in did)
		if (!(key in should))
			stray += did[key]
	printf "  %s%-12s %-6s %-32s %s%s\n", bold, "order", "person", "should have arrived", "arrived", plain
	for (i = 1; i <= rows; i++) {
		group = row_group[i]
		person = row_person[i]
		name = group == "5001.." ? "5001-" (5000 + orders[group, person]) : group
		left = cell(group_should, group, person, orders[group, person])
		right = cell(group_did, group, person, orders[group, person])
		printf "  %-12s %-6s %-32s %s%s%s\n", (name == shown ? "" : name), person, left, \
			(left == right ? green : red), right, plain
		shown = name
	}
	is_good = missing + twice + stray == 0 && total_should > 0
	printf "\n  %s%s%d of %d arrived; missing %d, twice %d, not meant to arrive %d.%s\n", bold, (is_good ? green : red),
		total_did - twice - stray, total_should, missing, twice, stray, plain
	exit !is_good
}
