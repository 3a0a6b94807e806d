set(policy_SOURCES policy/facts.c policy/policy.c)
