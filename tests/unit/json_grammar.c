/* Texts that a strict RFC 8259 validator accepts or refuses, and the byte it has to blame. */
#include "json_grammar.h"

#define REFUSED(text, offset)                \
    {                                        \
        {(text), sizeof(text) - 1}, (offset) \
    }
#define ACCEPTED(text)           \
    {                            \
        (text), sizeof(text) - 1 \
    }

/* clang-format off */
const struct str json_valid[] = {
    /* Bare values. */
    ACCEPTED("null"), ACCEPTED("true"), ACCEPTED("false"), ACCEPTED("0"), ACCEPTED("-0"),
    ACCEPTED("1"), ACCEPTED("-1"), ACCEPTED("\"\""), ACCEPTED("\"a\""), ACCEPTED("[]"),
    ACCEPTED("{}"), ACCEPTED("[[]]"), ACCEPTED("[{}]"), ACCEPTED("{\"\":{}}"),
    /* Whitespace in every place. */
    ACCEPTED(" null"), ACCEPTED(" null "), ACCEPTED("\t\n\r 1\r\n\t"), ACCEPTED("[ ]"),
    ACCEPTED("{ }"), ACCEPTED("[ 1 , 2 ]"), ACCEPTED("{ \"a\" : 1 , \"b\" : 2 }"),
    ACCEPTED("\n[\n]\n"), ACCEPTED("{\t\"a\"\r:\n[ ] }"),
    /* Numbers. */
    ACCEPTED("10"), ACCEPTED("123456789"), ACCEPTED("0.0"), ACCEPTED("0.1"), ACCEPTED("-0.0"),
    ACCEPTED("1.5"), ACCEPTED("1e0"), ACCEPTED("1E0"), ACCEPTED("1e+1"), ACCEPTED("1e-1"),
    ACCEPTED("1E+01"), ACCEPTED("0e0"), ACCEPTED("-0e-0"), ACCEPTED("0.0e00"),
    ACCEPTED("123.456e-789"), ACCEPTED("1e400"), ACCEPTED("-1e400"), ACCEPTED("1e-400"),
    ACCEPTED("9007199254740993"), ACCEPTED("123456789012345678901234567890"),
    ACCEPTED("0.00000000000000000000000000000000000000000000000000001"), ACCEPTED("[0,0]"),
    ACCEPTED("{\"a\":-1.0e1}"),
    /* Strings. */
    ACCEPTED("\"\\\"\""), ACCEPTED("\"\\\\\""), ACCEPTED("\"\\/\""), ACCEPTED("\"/\""),
    ACCEPTED("\"\\b\\f\\n\\r\\t\""), ACCEPTED("\"\\u0000\""), ACCEPTED("\"\\u001f\""),
    ACCEPTED("\"\\uABCD\\uabcd\""), ACCEPTED("\"\\uD83D\\uDE00\""), ACCEPTED("\"\303\251\""),
    ACCEPTED("\"\346\227\245\346\234\254\""), ACCEPTED("\"\360\237\230\200\""),
    ACCEPTED("\"\342\200\250\342\200\251\""), ACCEPTED("\"\357\273\277\""),
    ACCEPTED("\"\357\277\277\""), ACCEPTED("\"\364\217\277\277\""), ACCEPTED("\"\177\""),
    ACCEPTED("\"\302\200\""), ACCEPTED("\"\340\240\200\""), ACCEPTED("\"\355\237\277\""),
    ACCEPTED("\"\356\200\200\""), ACCEPTED("\"\360\220\200\200\""), ACCEPTED("\"\\\\u0041\""),
    ACCEPTED("\"a'b\""), ACCEPTED("\"[]{},:\""), ACCEPTED("\"//\""),
    /* Lone surrogates are within the grammar. */
    ACCEPTED("\"\\ud800\""), ACCEPTED("\"\\udfff\""), ACCEPTED("\"\\ude00\\ud83d\""),
    ACCEPTED("\"\\ud800\\ud800\""), ACCEPTED("\"\\ud800\\u0041\""), ACCEPTED("{\"\\ud800\":1}"),
    /* Structure. */
    ACCEPTED("[1,2,3]"), ACCEPTED("[null,true,false,\"\",0]"), ACCEPTED("{\"a\":1,\"a\":2}"),
    ACCEPTED("{\"a\":{\"b\":{\"c\":[]}}}"), ACCEPTED("[[[[[[]]]]]]"), ACCEPTED("[[],[],{}]"),
    ACCEPTED("{\"a\":[],\"b\":{}}"), ACCEPTED("{\"__proto__\":null}"), ACCEPTED("[1,[2,[3]]]"),
};

const struct json_invalid_case json_invalid[] = {
    /* Nothing, or not only one value. */
    REFUSED("", 0), REFUSED(" ", 1), REFUSED("1 2", 2), REFUSED("[] []", 3), REFUSED("{}{}", 2),
    REFUSED("null,", 4), REFUSED("\"a\"\"b\"", 3), REFUSED("[1]]", 3), REFUSED("{}}", 2),
    REFUSED("[]a", 2), REFUSED("true false", 5), REFUSED(",", 0), REFUSED(":", 0),
    REFUSED("]", 0), REFUSED("}", 0),
    /* Bytes before, between and after. */
    REFUSED("\357\273\277{}", 0), REFUSED("\357\273\277", 0), REFUSED("\377\376[\000]\000", 0),
    REFUSED("\376\377\000[\000]", 0), REFUSED("\000", 0), REFUSED("null\000", 4),
    REFUSED("[]\000", 2), REFUSED("[\000]", 1), REFUSED("\014[]", 0), REFUSED("\0131", 0),
    REFUSED("[\302\240]", 1), REFUSED("[\342\200\2131]", 1), REFUSED("\037", 0),
    REFUSED("[1\014]", 2), REFUSED("\177", 0), REFUSED("\205[]", 0),
    REFUSED("[\342\200\2501]", 1),
    /* Words. */
    REFUSED("nul", 3), REFUSED("nulll", 4), REFUSED("nil", 1), REFUSED("NULL", 0),
    REFUSED("Null", 0), REFUSED("True", 0), REFUSED("TRUE", 0), REFUSED("tru", 3),
    REFUSED("truth", 3), REFUSED("fals", 4), REFUSED("undefined", 0), REFUSED("NaN", 0),
    REFUSED("-NaN", 1), REFUSED("nan", 1), REFUSED("Infinity", 0), REFUSED("-Infinity", 1),
    REFUSED("+Infinity", 0), REFUSED("inf", 0), REFUSED("[NaN]", 1), REFUSED("[nul]", 4),
    REFUSED("a", 0), REFUSED("yes", 0),
    /* Numbers. */
    REFUSED("-", 1), REFUSED("+1", 0), REFUSED("+0", 0), REFUSED("01", 1), REFUSED("-01", 2),
    REFUSED("00", 1), REFUSED("012", 1), REFUSED(".5", 0), REFUSED("-.5", 1), REFUSED("1.", 2),
    REFUSED("-1.", 3), REFUSED("1.e1", 2), REFUSED("1e", 2), REFUSED("1E", 2), REFUSED("1e+", 3),
    REFUSED("1e-", 3), REFUSED("1e1.5", 3), REFUSED("1.5.5", 3), REFUSED("--1", 1),
    REFUSED("1-1", 1), REFUSED("1+1", 1), REFUSED("0x1", 1), REFUSED("0b1", 1),
    REFUSED("1_000", 1), REFUSED("1,000", 1), REFUSED("1 000", 2), REFUSED("1e 1", 2),
    REFUSED("- 1", 1), REFUSED("1f", 1), REFUSED("1n", 1), REFUSED("1L", 1), REFUSED("0e", 2),
    REFUSED("0.e1", 2), REFUSED("[1.]", 3), REFUSED("[01]", 2), REFUSED("[-]", 2),
    REFUSED("[1e]", 3), REFUSED("[.1]", 1), REFUSED("1ee1", 2), REFUSED("0.1.", 3),
    REFUSED("\357\274\221", 0), REFUSED("[-a]", 2), REFUSED("$1", 0),
    /* Strings. */
    REFUSED("\"", 1), REFUSED("\"a", 2), REFUSED("\"\\", 2), REFUSED("\"\\\"", 3),
    REFUSED("'a'", 0), REFUSED("['a']", 1), REFUSED("`a`", 0), REFUSED("a\"", 0),
    REFUSED("\"a\"\"", 3), REFUSED("\"\\a\"", 2), REFUSED("\"\\v\"", 2), REFUSED("\"\\0\"", 2),
    REFUSED("\"\\'\"", 2), REFUSED("\"\\x41\"", 2), REFUSED("\"\\ \"", 2),
    REFUSED("\"\\U0041\"", 2), REFUSED("\"\\u\"", 3), REFUSED("\"\\u0\"", 4),
    REFUSED("\"\\u00\"", 5), REFUSED("\"\\u004\"", 6), REFUSED("\"\\u004", 6),
    REFUSED("\"\\u", 3), REFUSED("\"\\u00g0\"", 5), REFUSED("\"\\u 041\"", 3),
    REFUSED("\"\\u+041\"", 3), REFUSED("\"\\u-041\"", 3), REFUSED("\"\\u0x41\"", 4),
    REFUSED("\"\\uD83D\\u\"", 9), REFUSED("\"\\ud83d\\", 8), REFUSED("\"\\\303\251\"", 2),
    REFUSED("\"\\\n\"", 2),
    /* Controls in strings. */
    REFUSED("\"\000\"", 1), REFUSED("\"\001\"", 1), REFUSED("\"a\037\"", 2), REFUSED("\"\037", 1),
    REFUSED("\"\t\"", 1), REFUSED("\"a\nb\"", 2), REFUSED("\"\r\"", 1), REFUSED("\"\010\"", 1),
    REFUSED("{\"a\n\":1}", 3), REFUSED("\"\\\000\"", 2), REFUSED("\"\033[0m\"", 1),
    /* Not UTF-8. */
    REFUSED("\"\200\"", 1), REFUSED("\"\277\"", 1), REFUSED("\"\300\200\"", 1),
    REFUSED("\"\300\257\"", 1), REFUSED("\"\301\277\"", 1), REFUSED("\"\302\"", 1),
    REFUSED("\"\302", 1), REFUSED("\"\340\200\200\"", 1), REFUSED("\"\340\237\277\"", 1),
    REFUSED("\"\355\240\200\"", 1), REFUSED("\"\355\277\277\"", 1),
    REFUSED("\"\355\240\275\355\270\200\"", 1), REFUSED("\"\360\200\200\200\"", 1),
    REFUSED("\"\360\217\277\277\"", 1), REFUSED("\"\364\220\200\200\"", 1),
    REFUSED("\"\365\200\200\200\"", 1), REFUSED("\"\370\210\200\200\200\"", 1),
    REFUSED("\"\376\"", 1), REFUSED("\"\377\"", 1), REFUSED("\"\342\202\"", 1),
    REFUSED("\"\342\202", 1), REFUSED("\"\360\237\230\"", 1), REFUSED("\"a\351b\"", 2),
    REFUSED("\"\342(\241\"", 1), REFUSED("\"\360\237\230\200\200\"", 5),
    REFUSED("{\"\377\":1}", 2), REFUSED("\351", 0), REFUSED("[\377]", 1),
    /* Arrays. */
    REFUSED("[", 1), REFUSED("[1", 2), REFUSED("[1,", 3), REFUSED("[,", 1), REFUSED("[,]", 1),
    REFUSED("[1,]", 3), REFUSED("[1,,2]", 3), REFUSED("[,1]", 1), REFUSED("[1 2]", 3),
    REFUSED("[1;2]", 2), REFUSED("[1:2]", 2), REFUSED("[}", 1), REFUSED("[1}", 2),
    REFUSED("[[]", 3), REFUSED("[\"a\",", 5), REFUSED("[\"a\"", 4), REFUSED("(1)", 0),
    REFUSED("[1,\n", 4), REFUSED("[...1]", 1), REFUSED("[*]", 1), REFUSED("[#]", 1),
    REFUSED("[/**/]", 1), REFUSED("[1]//", 3),
    /* Objects. */
    REFUSED("{", 1), REFUSED("{\"a\"", 4), REFUSED("{\"a\":", 5), REFUSED("{\"a\":1", 6),
    REFUSED("{\"a\":1,", 7), REFUSED("{\"a\":1,}", 7), REFUSED("{,}", 1),
    REFUSED("{,\"a\":1}", 1), REFUSED("{\"a\":1,,\"b\":2}", 7), REFUSED("{\"a\" 1}", 5),
    REFUSED("{\"a\"=1}", 4), REFUSED("{\"a\"::1}", 5), REFUSED("{\"a\":}", 5), REFUSED("{:1}", 1),
    REFUSED("{\"a\",1}", 4), REFUSED("{a:1}", 1), REFUSED("{'a':1}", 1), REFUSED("{1:1}", 1),
    REFUSED("{null:1}", 1), REFUSED("{[]:1}", 1), REFUSED("{\"a\":1 \"b\":2}", 7),
    REFUSED("{\"a\":1;\"b\":2}", 6), REFUSED("{\"a\":1]", 6), REFUSED("{\"a\"}", 4),
    REFUSED("{\"a\":1}}", 7), REFUSED("{\"a\":1,\"b\"}", 10), REFUSED("{\"a\":1,b}", 7),
    REFUSED("{/**/}", 1), REFUSED("{\"a\":1}/**/", 7), REFUSED("{\"a\":1}#", 7),
    REFUSED("{\"a\":tru}", 8), REFUSED("{\"a\":[}", 6),
};
/* clang-format on */

const size_t json_valid_count = ARRAY_LEN(json_valid);
const size_t json_invalid_count = ARRAY_LEN(json_invalid);
