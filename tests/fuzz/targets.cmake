rookery_fuzz_target(jid rookery_xmpp)
