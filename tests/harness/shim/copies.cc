/* Copies under way: see shim_block.h. */
#include <shim_block.h>

#include <string.h>

void shim_copy_begin(void *to, const void *from, bool there) {
    struct shim_copy copy = { to, {}, shim_thread_now->n_groups };
    if ((uintptr_t)to % sizeof copy.bytes != 0 ||
        (there && (uintptr_t)from % sizeof copy.bytes != 0))
        shim_report("copy_async16 from %p to %p: not aligned to 16", from, to);
    if (there)
        memcpy(copy.bytes, from, sizeof copy.bytes);
    memset(to, SHIM_POISON, sizeof copy.bytes);
    shim_thread_now->copies.push_back(copy);
}

void shim_copy_commit(void) {
    shim_thread_now->n_groups++;
}

void shim_copy_wait(unsigned n_newest) {
    struct shim_thread *t = shim_thread_now;
    size_t n_arrived = 0;
    for (; n_arrived < t->copies.size(); n_arrived++) {
        const struct shim_copy &copy = t->copies[n_arrived];
        if (copy.group + n_newest >= t->n_groups)
            break;
        memcpy(copy.to, copy.bytes, sizeof copy.bytes);
    }
    t->copies.erase(t->copies.begin(), t->copies.begin() + (ptrdiff_t)n_arrived);
}
