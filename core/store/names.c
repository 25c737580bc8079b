/* names.c - tenants and channels by number, and back; destinations, for the writer.
 *
 * A number is given once and for ever.  Any thread reads without a lock by number and with one by name; only
 * the writer adds, after the commit that made the name, so nobody ever sees a number that may vanish. */
#include "store/private.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "herald/kit.h"

enum { DESTINATIONS_CACHED_MAX = 10000 };

void names_init(struct names *names)
{
	names->arena = arena_new();
	names->tenant_by_name = map_new();
	names->channel_by_name = map_new();
	CHECK(pthread_mutex_init(&names->lock, NULL) == 0);
}

void names_done(struct names *names)
{
	map_free(names->tenant_by_name);
	map_free(names->channel_by_name);
	arena_free(names->arena);
	pthread_mutex_destroy(&names->lock);
}

/* The map holds number + 1: a value is never NULL. */
static void *number_as_value(int64_t number)
{
	return (void *)(intptr_t)(number + 1);
}

static int64_t value_as_number(void *value)
{
	return value == NULL ? -1 : (int64_t)(intptr_t)value - 1;
}

static void names_add_tenant(struct names *names, int64_t number, const char *name, int64_t policy)
{
	if (number < 0 || number >= TENANTS_MAX)
		return;
	pthread_mutex_lock(&names->lock);
	if (atomic_load(&names->tenants[number]) == NULL) {
		struct tenant *tenant = arena_new_of(names->arena, struct tenant);
		snprintf(tenant->name, sizeof(tenant->name), "%s", name);
		tenant->number = number;
		tenant->policy = policy;
		atomic_init(&tenant->policy_public, policy);
		map_put_text(names->tenant_by_name, tenant->name, number_as_value(number));
		atomic_store(&names->tenants[number], tenant);
	}
	pthread_mutex_unlock(&names->lock);
}

static void names_add_channel(struct names *names, int64_t number, const char *name)
{
	if (number < 0 || number >= CHANNELS_MAX)
		return;
	pthread_mutex_lock(&names->lock);
	if (atomic_load(&names->channels[number]) == NULL) {
		char *copy = arena_text(names->arena, name);
		map_put_text(names->channel_by_name, copy, number_as_value(number));
		atomic_store(&names->channels[number], copy);
	}
	pthread_mutex_unlock(&names->lock);
}

void names_load(struct names *names, struct conn *conn)
{
	struct arena *arena = arena_new();
	sqlite3_stmt *row = conn_query(conn, SQL_TENANTS, SQL_NO_ARGS);
	while (conn_next(conn, row))
		names_add_tenant(names, col_int(row, 0), col_text(row, 1, arena), col_int(row, 2));
	row = conn_query(conn, SQL_CHANNELS, SQL_NO_ARGS);
	while (conn_next(conn, row))
		names_add_channel(names, col_int(row, 0), col_text(row, 1, arena));
	arena_free(arena);
}

struct tenant *names_tenant(struct names *names, int64_t number)
{
	return number < 0 || number >= TENANTS_MAX ? NULL : atomic_load(&names->tenants[number]);
}

static int64_t names_find(struct names *names, bool is_tenant, const char *name)
{
	pthread_mutex_lock(&names->lock);
	int64_t number = value_as_number(
		map_get_text(is_tenant ? names->tenant_by_name : names->channel_by_name, name));
	pthread_mutex_unlock(&names->lock);
	return number;
}

void names_execute(struct writer *writer, struct store_op *op)
{
	struct store_make_name *make = (struct store_make_name *)op;
	struct names *names = &writer->store->names;

	/* Two callers may ask for the same new name in one transaction: the table is the judge. */
	make->ret_number = names_find(names, make->is_tenant, make->name);
	enum sql list = make->is_tenant ? SQL_TENANTS : SQL_CHANNELS;
	for (int round = 0; make->ret_number < 0 && round < 2; round++) {
		int64_t greatest = 0;
		sqlite3_stmt *row = conn_query(&writer->conn, list, SQL_NO_ARGS);
		while (conn_next(&writer->conn, row)) {
			if (strcmp((const char *)sqlite3_column_text(row, 1), make->name) == 0)
				make->ret_number = col_int(row, 0);
			if (col_int(row, 0) > greatest)
				greatest = col_int(row, 0);
		}
		if (make->ret_number >= 0 || greatest + 1 >= (make->is_tenant ? TENANTS_MAX : CHANNELS_MAX))
			break;
		conn_run(&writer->conn, make->is_tenant ? SQL_TENANT_ADD : SQL_CHANNEL_ADD,
			 SQL_ARGS(sql_str(make->name)));
	}
	if (make->ret_number < 0)
		op_fail(op, HERALD_LIMIT, "there are as many names of that sort as can be");
}

void names_committed(struct writer *writer, struct store_op *op)
{
	struct store_make_name *make = (struct store_make_name *)op;
	if (make->is_tenant)
		names_add_tenant(&writer->store->names, make->ret_number, make->name, 1);
	else
		names_add_channel(&writer->store->names, make->ret_number, make->name);
}

void names_rolled_back(struct names *names)
{
	for (size_t i = 0; i < TENANTS_MAX; i++) {
		struct tenant *tenant = atomic_load(&names->tenants[i]);
		if (tenant != NULL)
			tenant->policy = atomic_load(&tenant->policy_public);
	}
}

/* --- asked from any thread --- */

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool is_done;
};

static void waiter_done(struct store_op *op)
{
	struct waiter *waiter = op->context;
	pthread_mutex_lock(&waiter->lock);
	waiter->is_done = true;
	pthread_cond_signal(&waiter->cond);
	pthread_mutex_unlock(&waiter->lock);
}

static int64_t names_make(struct store *store, bool is_tenant, const char *name)
{
	struct waiter waiter = {.lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};
	struct store_make_name make = {
		.op = {.verb = (enum store_verb)STORE_MAKE_NAME, .done = waiter_done, .context = &waiter},
		.name = name,
		.is_tenant = is_tenant,
	};
	store_submit(store, &make.op);
	pthread_mutex_lock(&waiter.lock);
	while (!waiter.is_done)
		pthread_cond_wait(&waiter.cond, &waiter.lock);
	pthread_mutex_unlock(&waiter.lock);
	pthread_mutex_destroy(&waiter.lock);
	pthread_cond_destroy(&waiter.cond);
	return make.op.code == HERALD_OK ? make.ret_number : -1;
}

static bool is_name(const char *name)
{
	size_t size = strlen(name);
	return size >= 1 && size <= NAME_CHARS_MAX;
}

int64_t store_tenant_number(struct store *store, const char *tenant, bool make)
{
	int64_t number = names_find(&store->names, true, tenant);
	return number >= 0 || !make || !is_name(tenant) ? number : names_make(store, true, tenant);
}

int32_t store_channel_number(struct store *store, const char *channel)
{
	int64_t number = names_find(&store->names, false, channel);
	return (int32_t)(number >= 0 || !is_name(channel) ? number : names_make(store, false, channel));
}

const char *store_channel_name(struct store *store, int32_t number)
{
	return number < 0 || number >= CHANNELS_MAX ? NULL : atomic_load(&store->names.channels[number]);
}

const char *store_tenant_name(struct store *store, int64_t number)
{
	struct tenant *tenant = names_tenant(&store->names, number);
	return tenant == NULL ? NULL : tenant->name;
}

int64_t store_policy_version(struct store *store, int64_t tenant)
{
	struct tenant *found = names_tenant(&store->names, tenant);
	return found == NULL ? 0 : atomic_load(&found->policy_public);
}

/* --- destinations --- */

int64_t destination_number(struct writer *writer, int32_t channel, const char *name)
{
	if (name == NULL || name[0] == 0)
		return 0;
	if (map_count(writer->destinations) >= DESTINATIONS_CACHED_MAX)
		destinations_forget(writer);
	char *key = arena_printf(writer->arena, "%d/%s", channel, name);
	int64_t number = value_as_number(map_get_text(writer->destinations, key));
	if (number >= 0)
		return number;

	sqlite3_stmt *row =
		conn_one(&writer->conn, SQL_DESTINATION_FIND, SQL_ARGS(sql_int(channel), sql_str(name)));
	if (row != NULL) {
		number = col_int(row, 0);
		conn_end(row);
	} else {
		conn_run(&writer->conn, SQL_DESTINATION_ADD, SQL_ARGS(sql_int(channel), sql_str(name)));
		number = writer->conn.is_null ? 1 : sqlite3_last_insert_rowid(writer->conn.db);
	}
	map_put_text(writer->destinations, arena_text(writer->destination_arena, key),
		     number_as_value(number));
	return number;
}

void destinations_forget(struct writer *writer)
{
	map_free(writer->destinations);
	arena_free(writer->destination_arena);
	writer->destinations = map_new();
	writer->destination_arena = arena_new();
}
