-- A copy of the database sends nothing, and holds no key.
UPDATE isp_sms_gateway SET active = false, username = NULL, password = NULL, callback_token = md5(random()::text || id::text);
UPDATE isp_sms_message SET state = 'canceled' WHERE state IN ('queued', 'handing');
UPDATE isp_sms_bulk SET state = 'stopped' WHERE state IN ('running', 'paused', 'stopping');
UPDATE isp_sms_bulk SET state = 'draft' WHERE state = 'previewing';
