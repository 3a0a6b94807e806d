/* Bytes as a script in a small sandbox: it ends, within its heap, and leaves nothing on the stack
 * when it fails. What it returns is read as JSON. */
#include <jansson.h>

#include "base/luabox.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    const struct luabox_limits limits = { .heap_bytes = 1 << 20, .instructions = 20000 };
    struct err err = ERR_INIT;
    struct luabox *box = luabox_open(&limits, &err);
    BUG_IF(!box);
    if (luabox_run(box, "fuzz", (const char *)bytes, size, 1, ERR_TASK, &err)) {
        json_decref(luabox_to_json(luabox_state(box), -1, &err));
        BUG_IF(lua_gettop(luabox_state(box)) != 1);
    } else {
        BUG_IF(err.class != ERR_TASK || !err.msg[0] || lua_gettop(luabox_state(box)) != 0);
    }
    luabox_close(box);
    return 0;
}
