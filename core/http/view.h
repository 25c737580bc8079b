/* view.h - rows of the store as the API shows them; new references, for the caller to give away. */
#ifndef HTTP_VIEW_H
#define HTTP_VIEW_H

#include "http/request.h"

json_t *view_time(int64_t at_ms); /* null for 0 */
json_t *view_id(const char *prefix, int64_t id);
json_t *view_delivery(struct request *request, const struct store_delivery_row *row);
json_t *view_attempt(const struct store_attempt_row *row);
json_t *view_left_out(const struct store_left_out_row *row);
/* Without deliveries and left_out. */
json_t *view_notification(const struct store_notification_row *row);
/* Fresh JSON of a stored text; null when it is empty. */
json_t *view_stored(struct herald_text text);

/* RFC 7396: what patch makes of target; takes nothing, answers a new tree. */
json_t *merge_patch(const json_t *target, const json_t *patch);

#endif
