set(policy_SOURCES policy/facts.c policy/lineage.c policy/policy.c)
