import Testing

@testable import Engine

@Suite struct JSONWriterTests {
    /// serde_json's table, byte by byte.
    @Test func escapesEveryByte() {
        let short: [UInt8: String] = [
            0x08: "\\b", 0x09: "\\t", 0x0A: "\\n", 0x0C: "\\f", 0x0D: "\\r", 0x22: "\\\"", 0x5C: "\\\\",
        ]
        for byte in UInt8(0)..<0x80 {
            let plain = String(Unicode.Scalar(byte))
            let hex = String(byte, radix: 16)
            let expected = short[byte] ?? (byte < 0x20 ? "\\u00\(hex.utf8.count == 1 ? "0" : "")\(hex)" : plain)
            #expect(JSON.string(plain).description == "\"\(expected)\"")
            // At each place of the eight-byte steps.
            for place in 0...17 {
                let before = String(repeating: "a", count: place)
                let text = JSON.string("\(before)\(plain)é").description
                if text != "\"\(before)\(expected)é\"" { Issue.record("byte \(byte) at \(place): \(text)") }
            }
        }
        #expect(JSON.string("/é字😀\u{7F}\u{80}\u{2028}").description == "\"/é字😀\u{7F}\u{80}\u{2028}\"")
    }

    @Test func streams() {
        var writer = JSONWriter(reservingCapacity: 100)
        writer.beginObject()
        writer.key("a")
        writer.raw(Array("{\"x\": 1}".utf8))
        writer.key("k\"" as String)
        writer.beginArray()
        writer.integer(-1)
        writer.integer(UInt64.max)
        writer.bool(true)
        writer.bool(false)
        writer.null()
        writer.string("s")
        writer.beginObject()
        writer.endObject()
        writer.beginArray()
        writer.endArray()
        writer.value([1, ["b": "c"]])
        writer.endArray()
        writer.key("z")
        Array("2".utf8).withUnsafeBytes { writer.raw($0) }
        writer.endObject()
        let text = #"{"a":{"x": 1},"k\"":[-1,18446744073709551615,true,false,null,"s",{},[],[1,{"b":"c"}]],"z":2}"#
        #expect(String(decoding: writer.bytes, as: UTF8.self) == text)
    }

    @Test func appends() {
        var writer = JSONWriter(appendingTo: Array("data: ".utf8))
        writer.value(["a": 1])
        #expect(String(decoding: writer.bytes, as: UTF8.self) == #"data: {"a":1}"#)
    }

    @Test func prettyKeepsOrderAndEmptyContainersShort() {
        var writer = JSONWriter(.pretty)
        writer.value(["b": [1, ["x": .null], []], "a": [:], "s": "t"])
        let text = """
            {
              "b": [
                1,
                {
                  "x": null
                },
                []
              ],
              "a": {},
              "s": "t"
            }
            """
        #expect(String(decoding: writer.bytes, as: UTF8.self) == text)
        for scalar in [JSON.null, 1, "x", [], [:]] {
            var writer = JSONWriter(.pretty)
            writer.value(scalar)
            #expect(String(decoding: writer.bytes, as: UTF8.self) == scalar.description)
        }
    }
}
