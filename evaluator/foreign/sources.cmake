set(foreign_SOURCES
    foreign/foreign.c foreign/lmeval.c foreign/mteb.c foreign/cards.c foreign/walk.c foreign/write.c foreign/yaml.c)
