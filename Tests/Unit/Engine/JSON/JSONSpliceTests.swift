import Testing

@testable import Engine

@Suite struct JSONSpliceTests {
    private func set(_ text: String, _ value: String = "9") -> String {
        let output = Array(text.utf8).withUnsafeBytes { JSONSplice.setMember($0, key: "id", value: Array(value.utf8)) }
        return String(decoding: output, as: UTF8.self)
    }

    @Test(arguments: [
        ("{}", #"{"id":9}"#), ("{ }", #"{"id":9 }"#), (" \n{\t} ", "{\"id\":9\t} "),
        (#"{"a":1}"#, #"{"a":1,"id":9}"#), (#" { "a" : 1 } "#, #"{ "a" : 1,"id":9 } "#),
        (#"{"id":1}"#, #"{"id":9}"#), (#"{ "id" : 1 }"#, #"{"id":9 }"#), (#"{"id":1,"a":2}"#, #"{"a":2,"id":9}"#),
        (#"{"a":2,"id":1}"#, #"{"a":2,"id":9}"#), (#"{"a":1, "id":{"id":[1,2]}, "b":2}"#, #"{"a":1, "b":2,"id":9}"#),
        (#"{"id":1,"id":2}"#, #"{"id":9}"#),
        (#"{"id":1,"a":{"id":7},"id":2,"b":3,"id":4}"#, #"{"a":{"id":7},"b":3,"id":9}"#),
        (#"{"\u0069d":1,"a":2}"#, #"{"a":2,"id":9}"#), (#"{"i\u0064":1,"\u0069\u0064":2}"#, #"{"id":9}"#),
        (#"{"Id":1,"idx":2,"i":3,"\u0069\u0064\u0064":4}"#, #"{"Id":1,"idx":2,"i":3,"\u0069\u0064\u0064":4,"id":9}"#),
        (#"{"a":"}{,\"id\":1"}"#, #"{"a":"}{,\"id\":1","id":9}"#),
        (#"{"a":"\u00e9\/", "b":1.50}"#, #"{"a":"\u00e9\/", "b":1.50,"id":9}"#),
        // Not valid objects: unchanged.
        ("[]", "[]"), ("null", "null"), ("", ""), (#"{"id":1"#, #"{"id":1"#),
        (#"{"a":1,"id":2,}"#, #"{"a":1,"id":2,}"#),
        ("\"{}\"", "\"{}\""),
    ])
    func sets(_ before: String, _ after: String) {
        #expect(set(before) == after)
    }

    @Test func appendsToWhatIsThere() {
        var output = Array("data:".utf8)
        Array(#"{"id":1,"b":2}"#.utf8).withUnsafeBytes {
            JSONSplice.setMember($0, key: "id", value: Array("\"x\"".utf8), into: &output)
        }
        Array("{".utf8).withUnsafeBytes { JSONSplice.setMember($0, key: "id", value: [], into: &output) }
        #expect(String(decoding: output, as: UTF8.self) == #"data:{"b":2,"id":"x"}{"#)
    }

    @Test(arguments: ["{}", "{ }", " {\n} ", #"{"a":1}"#, #"{"a":"}"} "#, #" { "a" : {} , "b":[{}] } "#])
    func addingToKnownAbsentIsTheSame(_ text: String) throws {
        var added: [UInt8] = []
        Array(text.utf8).withUnsafeBytes { JSONSplice.addMember($0, key: "id", value: [0x39], into: &added) }
        #expect(try JSON.parse(added) == JSON.parse(set(text)))
        #expect(try JSON.parse(added)["id"] == 9)
    }

    @Test func equalsTheTreeOperation() throws {
        var random = JSONSeededGenerator(seed: 31)
        let keys = ["\"id\"", "\"\\u0069d\"", "\"a\"", "\"b\"", "\"\""]
        for round in 0..<2000 {
            let members = (0..<Int.random(in: 0...5, using: &random)).map { _ in
                "\(random.pick(["", " "]))\(random.pick(keys)):\(JSON.random(depth: 2, &random))\(random.pick(["", " "]))"
            }
            let text = "{\(members.joined(separator: ","))}"
            guard var expected = try JSON.parse(text).object else { return }
            expected["id"] = nil
            expected["id"] = 9
            let spliced = try JSON.parse(set(text)).object
            // In order, too.
            if spliced?.description != expected.description { Issue.record("seed 31, round \(round): \(text)") }
        }
    }
}
