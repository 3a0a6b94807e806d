/* Library functions that answer by hashes, addresses or the clock, as they are in the sandbox: the
 * same in every process. Private to it. Those with an upvalue have the original there. */
#ifndef ASSAY_LUABOX_ORDER_H
#define ASSAY_LUABOX_ORDER_H

#include <lua.h>

/* Counts so many instructions more, and raises where the budget is spent (luabox.c). */
void luabox_charge(lua_State *L, size_t work);

/* Keys in order: numbers, texts by their bytes, false and true. Others have none, and are an error.
 * What becomes nil meanwhile is left out, what is new isn't come by. */
int order_pairs(lua_State *L); /* upvalue: for tables with a way of their own (__pairs) */
int order_next(lua_State *L);

/* Without addresses: of a table its type, or the name that its metatable has for it. */
void order_push_text(lua_State *L, int index);
int order_tostring(lua_State *L);
int order_format(lua_State *L); /* upvalue */

/* table.sort of the n elements of the list at 1, by the function at 2 or `<`: equal ones stay in
 * their order, where Lua's own may draw lots by the clock. */
void order_sort(lua_State *L, size_t n);

#endif
