/* policy.c - categories, keys, and which channels are paused.
 *
 * Each change of a category raises the tenant's policy version, which every plan carries; the category's own
 * version is the number that the change gave, so it never begins again after a delete. */
#include "store/private.h"

#include "base/check.h"

enum { IN_USE_ROWS_MAX = 5000 }; /* looked at; beyond them nobody can say that it is unused */

static bool category_is_waiting(struct writer *writer, const struct store_put_category *put,
				enum sql question)
{
	sqlite3_stmt *row =
		conn_one(&writer->conn, question,
			 SQL_ARGS(sql_int(put->op.tenant), sql_str(put->name), sql_int(IN_USE_ROWS_MAX)));
	bool is_waiting = row != NULL && (col_int(row, 0) >= IN_USE_ROWS_MAX || col_int(row, 1) > 0);
	conn_end(row);
	return is_waiting;
}

void category_execute(struct writer *writer, struct store_op *op)
{
	struct store_put_category *put = (struct store_put_category *)op;
	struct tenant *tenant = names_tenant(&writer->store->names, op->tenant);

	put->ret_is_new = put->ret_is_unknown = put->ret_is_in_use = false;
	if (tenant == NULL) {
		op_fail(op, HERALD_INVALID, "there is no such tenant");
		return;
	}
	sqlite3_stmt *row = conn_one(&writer->conn, SQL_CATEGORY_VERSION,
				     SQL_ARGS(sql_int(op->tenant), sql_str(put->name)));
	int64_t version = row == NULL ? 0 : col_int(row, 0);
	conn_end(row);
	put->ret_is_new = version == 0;
	put->ret_is_unknown = put->is_delete && version == 0;
	if (!put->ret_is_unknown && put->if_version >= 0 && put->if_version != version) {
		op_fail(op, HERALD_CONFLICT, "the category changed meanwhile");
		return;
	}
	put->ret_is_in_use = put->is_delete && !put->ret_is_unknown &&
			     (category_is_waiting(writer, put, SQL_CATEGORY_SCHEDULED) ||
			      category_is_waiting(writer, put, SQL_CATEGORY_WAITING));
	if (put->ret_is_unknown || put->ret_is_in_use) {
		writer->has_changed = false;
		return;
	}
	put->ret_version = ++tenant->policy;
	conn_run(&writer->conn, SQL_TENANT_POLICY, SQL_ARGS(sql_int(op->tenant), sql_int(tenant->policy)));
	if (put->is_delete)
		conn_run(&writer->conn, SQL_CATEGORY_DELETE,
			 SQL_ARGS(sql_int(op->tenant), sql_str(put->name)));
	else
		conn_run(&writer->conn, SQL_CATEGORY_PUT,
			 SQL_ARGS(sql_int(op->tenant), sql_str(put->name),
				  sql_blob(blob_wrap(writer->arena, put->body.data, put->body.size)),
				  sql_int(put->ret_version)));
}

/* Only now: who reads the new number must find the new rows. */
void category_committed(struct writer *writer, struct store_op *op)
{
	struct tenant *tenant = names_tenant(&writer->store->names, op->tenant);
	atomic_store(&tenant->policy_public, tenant->policy);
}

void key_execute(struct writer *writer, struct store_op *op)
{
	struct store_put_key *put = (struct store_put_key *)op;

	put->ret_is_unknown = false;
	if (put->is_delete) {
		put->ret_is_unknown = conn_run(&writer->conn, SQL_KEY_DELETE,
					       SQL_ARGS(sql_int(put->id), sql_int(op->tenant))) == 0;
		writer->has_changed = !put->ret_is_unknown;
		return;
	}
	conn_run(&writer->conn, SQL_KEY_ADD,
		 SQL_ARGS(sql_int(put->id), sql_int(op->tenant),
			  sql_bytes(put->secret_hash, sizeof(put->secret_hash)), sql_str(put->scopes),
			  sql_str(put->name), sql_int(put->expires_at_ms), sql_int(put->rate_per_s),
			  sql_int(op->now_ms)));
}

void channel_execute(struct writer *writer, struct store_op *op)
{
	struct store_put_channel *put = (struct store_put_channel *)op;
	if (conn_run(&writer->conn, SQL_CHANNEL_PAUSE,
		     SQL_ARGS(sql_int(put->channel), sql_int(put->is_paused), sql_str(put->why))) == 0 &&
	    writer->conn.trouble == CONN_FINE)
		op_fail(op, HERALD_NOT_FOUND, "there is no such channel");
}
