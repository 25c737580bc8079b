/* suppression.c - addresses that must not be tried, found by their hash.
 *
 * Nothing overrides one except lifting it.  Accept and claim ask here, so a suppression holds from its commit
 * on for known and for inline addresses alike. */
#include "store/private.h"

#include <string.h>

#include "base/check.h"

bool address_is_suppressed(struct writer *writer, int64_t tenant, const uint8_t *hash, int64_t now_ms)
{
	if (!writer->has_suppressions)
		return false;
	sqlite3_stmt *row = conn_one(&writer->conn, SQL_SUPPRESSION_UNTIL,
				     SQL_ARGS(sql_int(tenant), sql_bytes(hash, ADDRESS_HASH_BYTES)));
	bool is_suppressed = row != NULL && (col_int(row, 0) == 0 || col_int(row, 0) > now_ms);
	conn_end(row);
	return is_suppressed;
}

void suppression_add(struct writer *writer, int64_t tenant, const uint8_t *hash, const char *kind,
		     const char *address, const char *reason, const char *source, int64_t at_ms,
		     int64_t until_ms)
{
	conn_run(&writer->conn, SQL_SUPPRESSION_PUT,
		 SQL_ARGS(sql_int(tenant), sql_bytes(hash, ADDRESS_HASH_BYTES), sql_str(kind),
			  sql_blob(blob_wrap(writer->arena, address, strlen(address))), sql_str(reason),
			  sql_str(source), sql_int(at_ms), sql_int(until_ms)));
	writer->has_suppressions = true;
}

void suppression_execute(struct writer *writer, struct store_op *op)
{
	struct store_put_suppression *put = (struct store_put_suppression *)op;
	uint8_t hash[ADDRESS_HASH_BYTES];

	store_address_hash(op->tenant, put->kind, put->address, hash);
	put->ret_is_unknown = false;
	if (!put->is_delete) {
		suppression_add(writer, op->tenant, hash, put->kind, put->address, put->reason, put->source,
				op->now_ms, put->until_ms);
		return;
	}
	put->ret_is_unknown = conn_run(&writer->conn, SQL_SUPPRESSION_DELETE,
				       SQL_ARGS(sql_int(op->tenant), sql_bytes(hash, sizeof(hash)))) == 0;
	writer->has_changed = !put->ret_is_unknown;
}
