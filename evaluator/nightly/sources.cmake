set(nightly_SOURCES nightly/canary.c nightly/check.c nightly/night.c nightly/patience.c nightly/publish.c nightly/report.c nightly/steps.c nightly/work.c)
