/* Whether two formulas in LaTeX are one: sums, products, powers, fractions, roots and functions of
 * numbers and letters. Fractions of whole numbers are compared exactly (large ones by their
 * remainders), anything else by its value at places where letters are complex numbers.
 *
 * What is told apart is told as lm-evaluation-harness tells it with sympy's parse_latex and
 * simplify. So "\pi", "e" and commands that it doesn't know are letters, a text counts as far as it
 * makes sense ("5,6" and "5+" are 5), and what sympy can't read (tuples, sets, matrices, units with
 * signs of their own) or subtract from (relations, what is infinite) differs from all that is not
 * written alike. What is not read here (derivatives, integrals, limits), and what is the same but
 * sympy may not see it (roots within roots, functions, sums of decimals), is not told apart at all.
 */
#ifndef ASSAY_FORMULA_H
#define ASSAY_FORMULA_H

enum formula_verdict { FORMULA_DIFFERS, FORMULA_SAME, FORMULA_UNKNOWN };
enum formula_verdict formula_compare(const char *a, const char *b);

#endif
