/* Whether two formulas in LaTeX are one: sums, products, powers, fractions and roots of numbers and
 * letters. Fractions of whole numbers are compared exactly, anything else by its value at places
 * where letters are complex numbers.
 *
 * What is told apart is told as lm-evaluation-harness tells it with sympy's parse_latex and
 * simplify, so "\pi" and "e" are letters, and tuples, intervals and matrices, which sympy doesn't
 * read, differ unless they are written alike. What is not read here (functions, units, sets, what
 * sympy reads the beginning of only), and what is the same but sympy may not see it (roots within
 * roots, sums of decimals), is not told apart at all. */
#ifndef ASSAY_FORMULA_H
#define ASSAY_FORMULA_H

enum formula_verdict { FORMULA_DIFFERS, FORMULA_SAME, FORMULA_UNKNOWN };
enum formula_verdict formula_compare(const char *a, const char *b);

#endif
