// PostgreSQL's client library.
#ifndef XINMI_CLIBPQ_SHIM_H
#define XINMI_CLIBPQ_SHIM_H

#include <libpq-fe.h>

static inline void xm_pq_ignore(void *argument, const char *message) { (void)argument, (void)message; }

// Notices may repeat a value from a statement: they go nowhere.
static inline void xm_pq_silence(PGconn *connection) { PQsetNoticeProcessor(connection, xm_pq_ignore, NULL); }

#endif
