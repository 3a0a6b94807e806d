-- No parameters. Requests to be resolved, requests under way, webhooks to be sent.
SELECT pending, open, webhooks FROM service_stats()
