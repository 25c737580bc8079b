#!/bin/sh
# story.sh - what tools/demo tells, chapter by chapter.  Read by tools/demo, which has the words used here.
#
# Invariant: what should arrive is written down by expect() from the story alone, before anything is asked of the
# daemon; the account at the end compares it with what the sandbox saw.
# shellcheck disable=SC2154 # what tools/demo has set

words="--subject 'Order {{order}}' \\
      --text 'Hello {{recipient.name}}, your order {{order}} has shipped.'"

# expect ORDER PERSON SERVICE...
expect() {
    order=$1 person=$2
    shift 2
    printf '%s %s %s\n' "$order" "$person" "$*" >>"$dir/expected"
}

arrivals() { curl -sS "http://$http/arrivals?since=$1" >"$dir/arrivals" || fail 'the sandbox does not answer'; }
seen() { awk '$2 == "arrived"' "$dir/ledger" 2>/dev/null | wc -l; }
has_seen() { [ "$(seen)" -ge "$1" ]; }

# The lines of one order, or of several that match, as they arrived after a moment.
show_arrivals() { # SINCE-SEQUENCE SINCE-INSTANT
    arrivals "$1"
    awk -v mode=list -v since="$2" -v green="$green" -v plain="$plain" -f "$here/tools/demo.d/arrivals.awk" \
        "$dir/people" "$dir/arrivals"
}

control() { # a fault for the sandbox
    curl -sSf "http://$http/control" -H 'Content-Type: application/json' -d "$1" >"$dir/control" ||
        fail "the sandbox refuses: $1"
}

# The id of the notification that `typed` made last, and when it was accepted.
accepted() {
    ntf=$(sed -n 's/^\(ntf_[0-9A-Z]*\) .*/\1/p' "$dir/out")
    [ -n "$ntf" ] || fail 'heraldd gave no id'
    herald show "$ntf" --json >"$dir/shown" || fail "heraldd does not know $ntf"
    accepted_at=$(sed -n 's/.*"accepted_at": *"\([^"]*\)".*/\1/p' "$dir/shown")
}

is_done() { herald show "$1" --json 2>/dev/null | grep -q '"state": *"done"'; }

# ---- the chapters -----------------------------------------------------------------------------------------------

person() { # ID NAME WORDS SERVICE=ADDRESS...
    id=$1 name=$2 list='' words_about=$3
    shift 3
    for one in "$@"; do
        service=${one%%=*} address=${one#*=}
        kind=$service
        [ "$service" != chat ] || kind=bot
        list="$list${list:+, }{\"kind\": \"$kind\", \"address\": \"$address\"}"
        printf '%s\t%s\t%s\n' "$id" "$service" "$address" >>"$dir/people"
    done
    printf '{"name": "%s", "addresses": [%s]}' "$name" "$list" >"$dir/$id.json"
    herald recipients put "$id" --file "$dir/$id.json" >"$dir/out" 2>&1 || fail "$id was refused: $(cat "$dir/out")"
    printf '  %s%-6s%s%s\n' "$bold" "$id" "$plain" "$words_about"
}

people() {
    chapter '1  Five people and what they wish'
    person ada Ada 'Teams, where the bot has never spoken to her; SMS; e-mail' \
        bot=29:1adaLovelace sms=+4366012345601 email=ada@example.org
    person ben Ben 'a user of Azure Communication Services who never wrote to the bot; SMS, switched off; e-mail' \
        chat=8:acs:1b5cc06b-f352-4571-b1e6-d9b259b7c776_0000000e-7a3c-11e6-5f42-8e3a0d00be40 \
        sms=+4366012345602 email=ben@example.org
    person cleo Cleo 'SMS, e-mail; one of them is enough: e-mail first, SMS if that fails' \
        sms=+4366012345603 email=cleo@example.org
    person dora Dora 'SMS, e-mail; unsubscribed from everything' \
        sms=+4366012345604 email=dora@example.org
    person emil Emil 'e-mail; wants peace until next year' \
        email=emil@example.org
    typed_only "echo '$(cat "$dir/emil.json")' | herald recipients put emil"
    typed_only 'herald prefs set ben channels.sms=false'
    typed_only "herald prefs set cleo 'order=[\"email\", \"sms\"]' categories.order.shipped.strategy=first"
    typed_only 'herald prefs set dora unsubscribed_all=true'
    typed_only "herald prefs set emil muted_until=$(($(date -u +%Y) + 1))-01-07T00:00:00Z"
    echo
    say 'And what they can be told about: order.shipped, by any channel, and security.code, which is required.'
    typed_only "echo '{\"channels\": {\"bot\": true, \"sms\": true, \"email\": true}}' | herald categories put order.shipped"
    typed_only "echo '{\"required\": true, \"channels\": {\"sms\": true}}' | herald categories put security.code"
}

one_to_all() {
    chapter '2  One notification to all five'
    expect 4711 ada bot sms email
    expect 4711 ben chat email
    expect 4711 cleo email
    expect 4711 dora
    expect 4711 emil
    everybody='--to ada --to ben --to cleo --to dora --to emil'
    typed "herald send order.shipped $everybody \\
      --data order=4711 $words"
    accepted
    await 20 "the notification to be carried" is_done "$ntf"
    first_ms=$(awk '$2 == "arrived" { printf "%.0f", $1 / 1000; exit }' "$dir/ledger")
    echo
    say 'What arrived, and how long after it was accepted:'
    show_arrivals 0 "$accepted_at"
    say "${bold}First delivery $(seconds $((first_ms - began_ms))) s after tools/demo began, $(seconds $((first_ms - start_ms))) s after heraldd was started.$plain"
    echo
    say 'And why not the rest?'
    typed "herald show $ntf"
    echo
    say 'The same could have been asked before, without sending:'
    typed "herald explain order.shipped --to ben --to dora --to emil --data order=4711 $words"
}

required() {
    chapter '3  What has to be said: a required category reaches whoever unsubscribed'
    last=$(seen)
    expect 4712 dora sms
    typed "herald send security.code --to dora --data order=4712 --text 'Your code for order {{order}} is 829134.'"
    accepted
    await 20 'the code to be carried' is_done "$ntf"
    show_arrivals "$last" "$accepted_at"
}

bounce() {
    chapter '4  An address that is dead: the next channel in the order that the person chose'
    last=$(seen)
    expect 4713 cleo sms
    control '{"channel": "email", "reject_address": ["cleo@example.org"]}'
    say "The mail server no longer knows cleo@example.org."
    typed "herald send order.shipped --to cleo --data order=4713 $words"
    accepted
    await 20 'the notification to be carried' is_done "$ntf"
    show_arrivals "$last" "$accepted_at"
    typed "herald show $ntf --timeline"
    say 'From now on that address is not tried again, until somebody lifts the suppression:'
    typed 'herald suppressions'
}

has_failed() { # TIMES
    curl -sS "http://$http/stats" | sed 's/.*"sms":{\([^}]*\)}.*/\1/' |
        awk -v least="$1" -F '"faulted":' '{ split($2, part, /[^0-9]/); exit !(part[1] >= least) }'
}

fails_and_recovers() {
    chapter '5  A provider that fails, and recovers'
    last=$(seen)
    expect 4714 ada bot sms email
    control '{"channel": "sms", "fail": {"status": 503}}'
    say 'The SMS service answers 503 to everything.'
    typed "herald send order.shipped --to ada --data order=4714 $words"
    accepted
    await 20 'the other channels to deliver' has_seen $((last + 2))
    await 30 'two tries by SMS to fail' has_failed 2
    show_arrivals "$last" "$accepted_at"
    say 'Bot and e-mail went on as if nothing were wrong; the SMS waits:'
    typed_until_found 'herald deliveries --state queued'
    control '{"channel": "sms", "fail": {"status": 429, "retry_after": 2, "count": 1}}'
    say 'Now the service says 429, "not before 2 s from now", once; then it is well.'
    await 40 'the SMS to be delivered' is_done "$ntf"
    echo
    typed "herald show $ntf --timeline"
}

bulk() { # FIRST LAST
    number=$1
    while [ "$number" -le "$2" ]; do
        printf '{"category": "order.shipped", "to": [{"recipient": "ada"}, {"recipient": "ben"}, {"recipient": "cleo"}], '
        printf '"data": {"order": "%s"}, "content": {"default": {"subject": "Your order {{order}}", ' "$number"
        printf '"text": "Hello {{recipient.name}}, your order {{order}} has shipped."}}}\n'
        expect "$number" ada bot sms email
        expect "$number" ben chat email
        expect "$number" cleo sms
        number=$((number + 1))
    done
}

kill_minus_nine() {
    chapter '6  kill -9 in the middle'
    last=$(seen) count=40 each=6
    all=$((count * each))
    bulk 5001 $((5000 + count)) >"$dir/bulk"
    control '{"channel": "all", "latency_ms": 50}'
    say "$count notifications to ada, ben and cleo: $all deliveries.  The far ends take 50 ms for each answer."
    curl -sS --unix-socket "$HERALD_SOCKET" http://herald/v1/notifications/bulk -H 'Content-Type: application/x-ndjson' \
        --data-binary "@$dir/bulk" >"$dir/bulk.out" || fail 'heraldd did not take them'
    [ "$(grep -c '"id"' "$dir/bulk.out")" -eq "$count" ] || fail "heraldd did not accept all: $(head -n 3 "$dir/bulk.out")"
    await 20 'the first deliveries' has_seen $((last + all / 8))
    kill -9 "$heraldd"
    wait "$heraldd" 2>/dev/null
    killed_at=$(seen)
    say "${bold}kill -9 $heraldd:${plain} accepted and promised are $all deliveries, $((killed_at - last)) have arrived, $((all - killed_at + last)) have not."
    killed_pid=$heraldd
    heraldd=''
    start_heraldd
    say "heraldd again: pid $heraldd instead of $killed_pid, ready after $ready_s s."
    resolution
    await 60 "all $all deliveries" has_seen $((last + all))
    say "$(($(seen) - last)) of $all have arrived, $(seconds $(($(now_ms) - start_ms))) s after it was started again."
    control '{"channel": "all", "clear": true}'
}

# What the boards of the killed run said, from the log of the new one.
resolution() {
    sed -n 's/.*"event":"board_resolved".*"untried":\([0-9]*\),"done":\([0-9]*\),"uncertain":\([0-9]*\).*/  In hand at the kill: \2 that its channel processes finished, \1 not begun, \3 uncertain./p' "$dir/heraldd.log"
}

story() {
    people
    one_to_all
    required
    bounce
    fails_and_recovers
    kill_minus_nine
}

# ---- the account ------------------------------------------------------------------------------------------------

is_quiet() { # nothing can arrive any more
    for state in active scheduled; do
        herald notifications --state "$state" --limit 1 >"$dir/out" 2>&1
        [ $? -eq 4 ] || return 1
    done
}

account() {
    chapter '7  What should have arrived, and what did'
    await 60 'everything to come to its end' is_quiet
    arrivals 0
    say "The story took $(seconds $(($(now_ms) - began_ms - ${build_ms:-0}))) s beside the build."
    echo
    awk -v mode=account -v green="$green" -v red="$red" -v bold="$bold" -v plain="$plain" \
        -f "$here/tools/demo.d/arrivals.awk" "$dir/people" "$dir/expected" "$dir/arrivals"
}
