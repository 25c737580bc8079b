/* resources.h - the handlers behind the route table, one file per resource.  Each answers, or asks and names
 * its next step; see request.h. */
#ifndef HTTP_RESOURCES_H
#define HTTP_RESOURCES_H

#include "http/request.h"

/* notifications.c, bulk.c, history.c */
void notifications_post(struct request *request);
void explain_post(struct request *request);
void bulk_post(struct request *request);
void notification_get(struct request *request);
void timeline_get(struct request *request);
void notifications_get(struct request *request);
void notification_cancel(struct request *request);

/* deliveries.c, channels.c, channel_test.c */
void deliveries_get(struct request *request);
void delivery_get(struct request *request);
void delivery_redrive(struct request *request);
void deliveries_redrive(struct request *request);
void delivery_resolve(struct request *request);
void channels_get(struct request *request);
void channel_get(struct request *request);
void channel_destinations_get(struct request *request);
void channel_pause(struct request *request);
void channel_resume(struct request *request);
void channel_test(struct request *request);

/* recipients.c, preferences.c, categories.c, suppressions.c */
void recipients_get(struct request *request);
void recipient_get(struct request *request);
void recipient_put(struct request *request);
void recipient_patch(struct request *request);
void recipient_delete(struct request *request);
void preference_get(struct request *request);
void preference_put(struct request *request);
void preference_patch(struct request *request);
void preference_history_get(struct request *request);
void categories_get(struct request *request);
void category_get(struct request *request);
void category_put(struct request *request);
void category_patch(struct request *request);
void category_delete(struct request *request);
void suppressions_get(struct request *request);
void suppression_get(struct request *request);
void suppression_put(struct request *request);
void suppression_delete(struct request *request);

/* keys.c, audit.c, health.c, openapi.c */
void keys_get(struct request *request);
void key_post(struct request *request);
void key_delete(struct request *request);
void audit_get(struct request *request);
void audit_verify_get(struct request *request);
void healthz_get(struct request *request);
void readyz_get(struct request *request);
void metrics_get(struct request *request);
void events_get(struct request *request);
void openapi_get(struct request *request);

#endif
