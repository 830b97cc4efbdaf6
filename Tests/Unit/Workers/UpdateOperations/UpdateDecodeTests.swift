import Engine
import Testing

@testable import Workers

/// The wire shapes and their refusals (state.md §4.1).
@Suite struct UpdateDecodeTests {
    @Test(
        arguments: [
            (#"{"type":"set","path":"a","value":1}"#, .set(path: UpdatePath(["a"]), value: 1)),
            (#"{"type":"set","path":"","value":1}"#, .set(path: .root, value: 1)),
            (#"{"type":"set","path":"a.b"}"#, .set(path: UpdatePath(["a.b"]), value: .null)),
            (#"{"type":"set","path":"a","value":null}"#, .set(path: UpdatePath(["a"]), value: .null)),
            (#"{"type":"merge","value":{"a":1}}"#, .merge(path: .root, value: ["a": 1])),
            (#"{"type":"merge","path":null,"value":{}}"#, .merge(path: .root, value: [:])),
            (#"{"type":"merge","path":"","value":{}}"#, .merge(path: .root, value: [:])),
            (#"{"type":"merge","path":[],"value":{}}"#, .merge(path: .root, value: [:])),
            (#"{"type":"merge","path":"x","value":{}}"#, .merge(path: UpdatePath(["x"]), value: [:])),
            (#"{"type":"merge","path":["x"],"value":{}}"#, .merge(path: UpdatePath(["x"]), value: [:])),
            (#"{"type":"merge","path":["a.b","c"],"value":5}"#, .merge(path: UpdatePath(["a.b", "c"]), value: 5)),
            (#"{"type":"merge","value":null}"#, .merge(path: .root, value: .null)),
            (#"{"type":"append","path":["a",""],"value":null}"#, .append(path: UpdatePath(["a", ""]), value: .null)),
            (#"{"type":"append","value":[1]}"#, .append(path: .root, value: [1])),
            (#"{"type":"increment","path":"n","by":2}"#, .increment(path: UpdatePath(["n"]), by: 2)),
            (#"{"type":"increment","path":"","by":-9223372036854775808}"#, .increment(path: .root, by: .min)),
            (
                #"{"type":"decrement","path":"n","by":9223372036854775807}"#,
                .decrement(path: UpdatePath(["n"]), by: .max)
            ),
            (#"{"type":"decrement","path":"n","by":0,"more":[]}"#, .decrement(path: UpdatePath(["n"]), by: 0)),
            (#"{"path":"n","extra":1,"type":"remove"}"#, .remove(path: UpdatePath(["n"]))),
        ] as [(String, UpdateOperation)]
    )
    func decodes(_ text: String, _ operation: UpdateOperation) throws {
        #expect(try UpdateOperation.decode(JSON.parse("[\(text)]")) == [operation])
    }

    @Test(arguments: [
        (#""x""#, #"invalid type: string "x", expected internally tagged enum UpdateOp"#),
        ("null", "invalid type: null, expected internally tagged enum UpdateOp"),
        ("{}", "missing field `type`"), (#"{"path":"a"}"#, "missing field `type`"),
        (
            #"{"type":"foo"}"#,
            "unknown variant `foo`, expected one of `set`, `merge`, `increment`, `decrement`, `append`, `remove`"
        ),
        (
            #"{"type":"Set","path":"a"}"#,
            "unknown variant `Set`, expected one of `set`, `merge`, `increment`, `decrement`, `append`, `remove`"
        ),
        (#"{"type":null}"#, "invalid type: null, expected variant identifier"),
        (#"{"type":"set"}"#, "missing field `path`"), (#"{"type":"remove"}"#, "missing field `path`"),
        (#"{"type":"increment","by":1}"#, "missing field `path`"),
        (#"{"type":"increment","path":"n"}"#, "missing field `by`"),
        (#"{"type":"decrement","path":"n"}"#, "missing field `by`"), (#"{"type":"merge"}"#, "missing field `value`"),
        (#"{"type":"append","path":"a"}"#, "missing field `value`"),
        (#"{"type":"set","path":["a"]}"#, "invalid type: sequence, expected a string"),
        (#"{"type":"set","path":null}"#, "invalid type: null, expected a string"),
        (#"{"type":"remove","path":["a"]}"#, "invalid type: sequence, expected a string"),
        (#"{"type":"increment","path":[],"by":1}"#, "invalid type: sequence, expected a string"),
        (#"{"type":"decrement","path":null,"by":1}"#, "invalid type: null, expected a string"),
        (#"{"type":"increment","path":"n","by":5.0}"#, "invalid type: floating point `5.0`, expected i64"),
        (#"{"type":"increment","path":"n","by":1.5}"#, "invalid type: floating point `1.5`, expected i64"),
        (#"{"type":"increment","path":"n","by":"1"}"#, #"invalid type: string "1", expected i64"#),
        (#"{"type":"increment","path":"n","by":null}"#, "invalid type: null, expected i64"),
        (
            #"{"type":"increment","path":"n","by":9223372036854775808}"#,
            "invalid value: integer `9223372036854775808`, expected i64"
        ),
        (#"{"type":"merge","path":5,"value":{}}"#, "data did not match any variant of untagged enum MergePath"),
        (#"{"type":"append","path":["a",1],"value":1}"#, "data did not match any variant of untagged enum MergePath"),
        (#"{"type":"append","path":{},"value":1}"#, "data did not match any variant of untagged enum MergePath"),
        (#"{"type":"append","path":false,"value":1}"#, "data did not match any variant of untagged enum MergePath"),
    ])
    func refuses(_ text: String, _ detail: String) throws {
        // One malformed operation refuses all.
        let json = try JSON.parse(#"[{"type":"set","path":"a","value":1},\#(text)]"#)
        #expect(throws: ArgumentError(detail)) { try UpdateOperation.decode(json) }
    }

    @Test func operationsAreAList() throws {
        #expect(try UpdateOperation.decode([]).isEmpty)
        #expect(throws: ArgumentError("invalid type: null, expected a sequence")) { try UpdateOperation.decode(.null) }
        #expect(throws: ArgumentError("invalid type: map, expected a sequence")) { try UpdateOperation.decode([:]) }
    }
}
