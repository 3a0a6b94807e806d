set(policy_SOURCES policy/facts.c policy/kept.c policy/lineage.c policy/policy.c)
