/* See fiber.h. A change costs a few instructions on x86-64, where we have them ourselves, and a
 * swapcontext, with its system call, elsewhere. ASan is told of each, so that it knows which stack
 * is which. */
#include "fiber.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#else
static void __sanitizer_start_switch_fiber(void **, const void *, size_t) {
}
static void __sanitizer_finish_switch_fiber(void *, const void **, size_t *) {
}
#endif

enum { STACK_BYTES = 256 << 10, GUARD_BYTES = 4096 };

struct fiber {
    void *stack_pointer; /* while it does not run */
    ucontext_t context;
    void (*body)(void);
    const void *stack; /* as ASan wants to know it */
    size_t stack_bytes;
    void *fake_stack;
};

static struct fiber *changed_from, *changed_to;

/* The first thing on the new stack, and the last of each change. */
static void arrive(struct fiber *self) {
    __sanitizer_finish_switch_fiber(
        self->fake_stack, &changed_from->stack, &changed_from->stack_bytes);
}

static void begin(void) {
    struct fiber *self = changed_to;
    arrive(self);
    self->body();
    abort(); /* it never returns */
}

#if defined(__x86_64__)

/* What a function must leave as it found it lies on the stack that is left. */
extern "C" void fiber_jump(void **from, void *to) __asm__("assay_fiber_jump");
__asm__(".pushsection .text\n"
        ".type assay_fiber_jump, @function\n"
        "assay_fiber_jump:\n"
        "    push %rbp\n"
        "    push %rbx\n"
        "    push %r12\n"
        "    push %r13\n"
        "    push %r14\n"
        "    push %r15\n"
        "    mov %rsp, (%rdi)\n"
        "    mov %rsi, %rsp\n"
        "    pop %r15\n"
        "    pop %r14\n"
        "    pop %r13\n"
        "    pop %r12\n"
        "    pop %rbx\n"
        "    pop %rbp\n"
        "    ret\n"
        ".size assay_fiber_jump, . - assay_fiber_jump\n"
        ".popsection\n");

/* As if it had called fiber_jump at the very start of begin(). */
static void prepare(struct fiber *f, uint8_t *stack, size_t bytes) {
    enum { SAVED = 6 };
    void **top = (void **)(stack + bytes) - 1; /* where begin() believes that it was called from */
    void **at = top - 1 - SAVED;
    for (int i = 0; i < SAVED; i++)
        at[i] = NULL;
    at[SAVED] = (void *)begin;
    *top = NULL;
    f->stack_pointer = at;
}

static void jump(struct fiber *from, struct fiber *to) {
    fiber_jump(&from->stack_pointer, to->stack_pointer);
}

#else

static void prepare(struct fiber *f, uint8_t *stack, size_t bytes) {
    getcontext(&f->context);
    f->context.uc_stack.ss_sp = stack;
    f->context.uc_stack.ss_size = bytes;
    f->context.uc_link = NULL;
    makecontext(&f->context, begin, 0);
}

static void jump(struct fiber *from, struct fiber *to) {
    swapcontext(&from->context, &to->context);
}

#endif

struct fiber *fiber_adopt(void) {
    return new fiber(); /* its stack is learned when it is first left */
}

/* Stacks begin at unlike places of a page: else the hot ends of all would share a cache line. */
static size_t colour(void) {
    static unsigned n_made;
    return n_made++ % 16 * 256;
}

struct fiber *fiber_new(void (*body)(void)) {
    uint8_t *stack = (uint8_t *)mmap(NULL, GUARD_BYTES + STACK_BYTES, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    if (stack == MAP_FAILED || mprotect(stack, GUARD_BYTES, PROT_NONE) != 0) {
        perror("shim: stack");
        abort();
    }
    struct fiber *f = new fiber();
    f->body = body;
    f->stack = stack + GUARD_BYTES;
    f->stack_bytes = STACK_BYTES;
    prepare(f, stack + GUARD_BYTES, STACK_BYTES - colour());
    return f;
}

void fiber_change(struct fiber *from, struct fiber *to) {
    changed_from = from;
    changed_to = to;
    __sanitizer_start_switch_fiber(&from->fake_stack, to->stack, to->stack_bytes);
    jump(from, to);
    arrive(from);
}
