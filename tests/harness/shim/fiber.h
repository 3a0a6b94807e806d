/* Fibers: stacks that one OS thread changes between. A fiber runs its body, which never returns,
 * and lives as long as the process: those who use it hand it one piece of work after the other. */
#ifndef ASSAY_SHIM_FIBER_H
#define ASSAY_SHIM_FIBER_H

struct fiber;

/* The stack that this OS thread is on. */
struct fiber *fiber_adopt(void);
/* One of its own, that begins with `body` when it is first changed to. */
struct fiber *fiber_new(void (*body)(void));
/* From the running fiber to another; returns when somebody changes back. */
void fiber_change(struct fiber *from, struct fiber *to);

#endif
