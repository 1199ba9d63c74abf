-- A copy of the database asks nobody for money and pays nobody back.
UPDATE payment_provider
   SET wallet_collection_key = NULL,
       wallet_api_user = NULL,
       wallet_api_key = NULL,
       wallet_disbursement_key = NULL,
       wallet_disbursement_user = NULL,
       wallet_disbursement_api_key = NULL,
       wallet_base_url = NULL,
       wallet_test_base_url = NULL,
       wallet_callback_base = NULL;
DELETE FROM isp_wallet_token;
UPDATE payment_transaction
   SET wallet_next = NULL,
       wallet_token = NULL,
       wallet_data = NULL,
       wallet_payment_url = NULL
 WHERE wallet_uuid IS NOT NULL;
UPDATE isp_wallet_payout
   SET wallet_next = NULL,
       wallet_token = NULL;
UPDATE ir_cron
   SET active = false
 WHERE id IN (SELECT res_id FROM ir_model_data WHERE module = 'isp_momo' AND model = 'ir.cron');
