set(formats_SOURCES)
