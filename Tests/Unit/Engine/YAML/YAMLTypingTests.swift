import Testing

@testable import Engine

@Suite("YAML typing, config-file.md §2")
struct YAMLTypingTests {
    @Test(
        "plain scalars",
        arguments: [
            ("true", "true"), ("True", "true"), ("TRUE", "true"), ("false", "false"), ("False", "false"),
            ("FALSE", "false"),
            ("tRUE", #""tRUE""#), ("yes", #""yes""#), ("no", #""no""#), ("on", #""on""#), ("off", #""off""#),
            ("y", #""y""#), ("~", "null"), ("null", "null"), ("Null", "null"), ("NULL", "null"), ("", "null"),
            ("nULL", #""nULL""#),
            ("0", "0"), ("-0", "-0"), ("5", "5"), ("+5", "5"), ("-5", "-5"), ("10", "10"),
            ("18446744073709551615", "18446744073709551615"), ("123456789012345678901234", "123456789012345678901234"),
            ("007", #""007""#), ("-007", #""-007""#), ("00", #""00""#),
            ("0x1F", "31"), ("0xff", "255"), ("-0x10", "-16"), ("0o17", "15"), ("0b101", "5"), ("0b", #""0b""#),
            ("0x", #""0x""#), ("0xG", #""0xG""#), ("0b2", #""0b2""#), ("0o8", #""0o8""#), ("0x-1", #""0x-1""#),
            ("0x10000000000000000", #""0x10000000000000000""#),
            ("1.5", "1.5"), (".5", "0.5"), ("5.", "5.0"), ("-.5", "-0.5"), ("1e3", "1e3"), ("1E-3", "1e-3"),
            ("1.5e+2", "1.5e+2"), ("00.5", "0.5"), (".", #"".""#), ("1e", #""1e""#), ("e1", #""e1""#),
            ("1e400", #""1e400""#),
            ("1_000", #""1_000""#), ("1:30", #""1:30""#), ("1.2.3", #""1.2.3""#), ("-", #""-""#), ("+", #""+""#),
            (".inf", "null"), ("-.inf", "null"), ("+.INF", "null"), (".nan", "null"), (".NaN", "null"),
            ("inf", #""inf""#), ("nan", #""nan""#), ("infinity", #""infinity""#), ("<<", #""<<""#),
            ("2001-01-01", #""2001-01-01""#), ("hello world", #""hello world""#),
        ]
    )
    func plain(text: String, expected: String) {
        #expect(YAMLScalar.resolve(text).description == expected)
    }

    @Test(
        "whole documents",
        arguments: [
            (#"a: "5""#, #"{"a":"5"}"#),
            ("a: '5'", #"{"a":"5"}"#),
            ("a: ''", #"{"a":""}"#),
            ("a:", #"{"a":null}"#),
            ("a: !!str 5", #"{"a":"5"}"#),
            ("a: ! 5", #"{"a":"5"}"#),
            (#"a: !!int "5""#, #"{"a":5}"#),
            (#"a: !!bool "true""#, #"{"a":true}"#),
            (#"a: !!null """#, #"{"a":null}"#),
            ("a: |\n  one\n  two\n", #"{"a":"one\ntwo\n"}"#),
            ("a: >-\n  one\n  two\n", #"{"a":"one two"}"#),
            ("[1, [2, x], {}]", #"[1,[2,"x"],{}]"#),
            ("b: 1\na: 2", #"{"b":1,"a":2}"#),
            ("<<: {x: 1}\ny: 2", #"{"y":2,"x":1}"#),
            ("<<: {x: 1, y: 1}\ny: 2", #"{"y":2,"x":1}"#),
            ("c: 3\n<<: [{a: 1, b: 1}, {b: 2, c: 2}]", #"{"c":3,"a":1,"b":1}"#),
            ("'<<': {x: 1}", #"{"<<":{"x":1}}"#),
            ("base: &b {x: 1}\nother: *b", #"{"base":{"x":1},"other":{"x":1}}"#),
            ("base: &b {x: 1}\nother:\n  <<: *b\n  y: 2", #"{"base":{"x":1},"other":{"y":2,"x":1}}"#),
            ("a: &n 1\nb: *n\nc: &n 2\nd: *n", #"{"a":1,"b":1,"c":2,"d":2}"#),
            (#""1": x"#, #"{"1":"x"}"#),
            ("%YAML 1.2\n---\na: 1\n...\n", #"{"a":1}"#),
            ("\u{e9}: \"e\u{301}\"", "{\"\u{e9}\":\"e\u{301}\"}"),
        ]
    )
    func document(text: String, expected: String) throws {
        let node = try #require(try YAML.parse(text))
        #expect(Array(try node.json().description.utf8) == Array(expected.utf8))
    }

    @Test("no document", arguments: ["", "\n\n", "# only a comment\n", "   "])
    func empty(text: String) throws {
        #expect(try YAML.parse(text) == nil)
    }

    @Test("composed and decomposed keys are two keys")
    func bytewiseKeys() throws {
        let node = try #require(try YAML.parse("\u{e9}: 1\ne\u{301}: 2"))
        #expect(try node.json().object?.count == 2)
    }
}
