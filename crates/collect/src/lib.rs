//! Takes what devices and extensions deliver: `POST /ingest/v1/captures` and `POST /ingest/v1/enroll`. What it has
//! accepted is durable before it answers.
