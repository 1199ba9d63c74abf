-- A copy of the database asks no operator whose wallet a number is, and lets nobody in by a code that was sent from the original.
UPDATE isp_site_holder SET state = 'silent' WHERE state = 'asking';
UPDATE isp_owner_code SET digest = NULL;
