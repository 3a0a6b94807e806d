set(remote_SOURCES remote/call.c remote/config.c remote/keep.c remote/ledger.c remote/reply.c remote/subject.c)
