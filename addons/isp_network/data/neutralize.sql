-- A copy of the production database must not talk to production's routers.
UPDATE isp_router
   SET nas_ip = '192.0.2.1-' || id, radius_secret = NULL, api_user = NULL, api_password_encrypted = NULL, active = false,
       wire = 'none', keeps = 'nothing', api_host = NULL;
UPDATE isp_router_task SET state = 'failed', message = 'neutralized' WHERE state = 'pending';
UPDATE isp_radius_server SET active = false;
UPDATE isp_api_key SET digest = NULL, prefix = NULL;
UPDATE isp_router_setup SET token_hash = NULL, api_password_encrypted = NULL;
