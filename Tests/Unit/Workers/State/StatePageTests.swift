import Testing

@testable import Engine
@testable import Workers

/// `state::list_keys` and `state::list_entries` (docs/state.md, "Keys and entries in pages"), on both adapters.
@Suite struct StatePageTests {
    typealias Call = (String, String) throws -> String?

    private static func onBoth(_ body: (Call) throws -> Void) throws {
        let state = StateHarness()
        try body(state.call)
        let directory = try TemporaryDirectory()
        try DurableState.run(in: directory.path) { (state: DurableState) throws in try body(state.call) }
    }

    private static func set(_ keys: [String], _ call: Call) throws {
        for (index, key) in keys.enumerated() {
            let entry: JSON = ["scope": "s", "key": .string(key), "value": JSON(index)]
            _ = try call("state::set", entry.description)
        }
    }

    /// All pages: the keys of each.
    private static func pages(_ call: Call, limit: Int, prefix: String? = nil) throws -> [[String]] {
        var pages: [[String]] = []
        var cursor: JSON = .null
        repeat {
            var request: JSONObject = ["scope": "s", "limit": JSON(limit), "cursor": cursor]
            request["prefix"] = prefix.map { .string($0) }
            let page = try JSON.parse(#require(try call("state::list_keys", JSON.object(request).description)))
            pages.append(try #require(page["keys"]?.array).compactMap(\.string))
            cursor = try #require(page["cursor"])
        } while !cursor.isNull
        return pages
    }

    @Test func ascendingByBytesWithValues() throws {
        try Self.onBoth { call in
            try Self.set(["b", "a", "", "\u{E9}", "e\u{301}", "B"], call)
            #expect(
                try call("state::list_keys", #"{"scope":"s"}"#)
                    == "{\"keys\":[\"\",\"B\",\"a\",\"b\",\"e\u{301}\",\"\u{E9}\"],\"cursor\":null}"
            )
            #expect(
                try call("state::list_entries", #"{"scope":"s","prefix":"b"}"#)
                    == #"{"entries":[{"key":"b","value":0}],"cursor":null}"#
            )
            #expect(try call("state::list_entries", #"{"scope":"none"}"#) == #"{"entries":[],"cursor":null}"#)
            _ = try call("state::set", #"{"scope":"s","key":"\"\n","value":null}"#)
            #expect(
                try call("state::list_entries", #"{"scope":"s","prefix":"\"","limit":null,"cursor":null}"#)
                    == #"{"entries":[{"key":"\"\n","value":null}],"cursor":null}"#
            )
        }
    }

    /// Every limit over a small scope, every prefix of one of its keys.
    @Test func everyPageSize() throws {
        let keys = ["", "a", "aa", "ab", "b", "ba", "\u{10FFFF}", "\u{10FFFF}x"]
        try Self.onBoth { call in
            try Self.set(keys.shuffled(), call)
            for prefix in keys {
                let expected = keys.filter { $0.hasPrefix(prefix) }
                for limit in 1...(keys.count + 1) {
                    let pages = try Self.pages(call, limit: limit, prefix: prefix)
                    #expect(pages.flatMap { $0 } == expected, "prefix \(prefix), limit \(limit)")
                    #expect(pages.dropLast().allSatisfy { $0.count == limit })
                    #expect(pages.count == max(1, (expected.count + limit - 1) / limit))
                }
            }
        }
    }

    /// Beyond 400 bytes a store's key is 368 bytes of the name and a hash: all that differs may come late.
    @Test func longKeys() throws {
        let common = String(repeating: "long ", count: 200)
        let kept = String(common.prefix(368))
        let keys = [common + "a", common + "b", common, kept, kept + "x", String(common.prefix(400)), "other"]
        try Self.onBoth { call in
            try Self.set(keys, call)
            for limit in 1...8 {
                #expect(try Self.pages(call, limit: limit).flatMap { $0 }.sorted() == keys.sorted())
                // Filtered by the whole key, so a page can be short.
                for prefix in [common, kept, common + "a", common + "c", String(common.prefix(399))] {
                    let found = try Self.pages(call, limit: limit, prefix: prefix).flatMap { $0 }
                    #expect(found.sorted() == keys.filter { $0.hasPrefix(prefix) }.sorted())
                }
            }
        }
    }

    /// Keys that stay come exactly once, whatever comes, goes, and is written anew between the pages.
    @Test(arguments: [UInt64(1), 2, 3])
    func writesBetweenPages(seed: UInt64) throws {
        try Self.onBoth { call in
            var random = SeededGenerator(seed: seed)
            let staying = (0..<40).map { "k\($0)" }
            try Self.set(staying, call)
            var seen: [String] = []
            var cursor: JSON = .null
            repeat {
                let request: JSON = [
                    "scope": "s", "limit": JSON(Int.random(in: 1...7, using: &random)), "cursor": cursor,
                ]
                let page = try JSON.parse(#require(try call("state::list_keys", request.description)))
                seen += try #require(page["keys"]?.array).compactMap(\.string)
                cursor = try #require(page["cursor"])
                for _ in 0..<5 {
                    let passing = "k\(Int.random(in: 0..<40, using: &random))x"
                    let name = Bool.random(using: &random) ? "state::set" : "state::delete"
                    _ = try call(name, #"{"scope":"s","key":"\#(passing)","value":1}"#)
                    // Also the one that the cursor names.
                    let stays = staying.randomElement(using: &random) ?? ""
                    _ = try call("state::set", #"{"scope":"s","key":"\#(stays)","value":2}"#)
                }
            } while !cursor.isNull
            #expect(Set(seen).count == seen.count, "seed \(seed)")
            #expect(seen.filter { !$0.hasSuffix("x") } == staying.sorted(), "seed \(seed)")
        }
    }

    /// 16 MiB end a page, one larger value has a page of its own.
    @Test func largeValues() throws {
        try Self.onBoth { call in
            let sizes = [6 << 20, 6 << 20, 6 << 20, 20 << 20, 1, 1]
            for (index, size) in sizes.enumerated() {
                let value = String(repeating: "x", count: size)
                _ = try call("state::set", #"{"scope":"s","key":"\#(index)","value":"\#(value)"}"#)
            }
            var pages: [Int] = []
            var cursor: JSON = .null
            repeat {
                let request: JSON = ["scope": "s", "cursor": cursor]
                let page = try JSON.parse(#require(try call("state::list_entries", request.description)))
                pages.append(page["entries"]?.array?.count ?? -1)
                cursor = try #require(page["cursor"])
            } while !cursor.isNull
            #expect(pages == [2, 1, 1, 2])
            #expect(try Self.pages(call, limit: 6) == [["0", "1", "2", "3", "4", "5"]])
        }
    }

    private static let mistakes = [
        ("{}", "missing field `scope`"),
        (#"{"scope":"s","prefix":1}"#, "invalid type: integer `1`, expected a string"),
        (#"{"scope":"s","limit":0}"#, "invalid value: integer `0`, expected a number from 1 to 10000"),
        (#"{"scope":"s","limit":10001}"#, "invalid value: integer `10001`, expected a number from 1 to 10000"),
        (#"{"scope":"s","limit":-1}"#, "invalid value: integer `-1`, expected a number from 1 to 10000"),
        (#"{"scope":"s","limit":1.5}"#, "invalid type: floating point `1.5`, expected i64"),
        (#"{"scope":"s","cursor":5}"#, "invalid type: integer `5`, expected a string"),
    ]

    private static let cursors = ["", "x", "0", "01a", "01AA", "0", "02", "é", String(repeating: "01", count: 5000)]

    @Test(arguments: [("state::list_keys", "StateListKeysInput"), ("state::list_entries", "StateListEntriesInput")])
    func badRequests(_ function: String, _ structName: String) throws {
        let state = StateHarness()
        let cursors = Self.cursors.map { cursor in
            (
                #"{"scope":"s","cursor":"\#(cursor)"}"#,
                #"invalid value: string "\#(cursor)", expected the cursor of an earlier page, or none to begin"#
            )
        }
        let rest = [("null", "invalid type: null, expected struct \(structName)")]
        for (data, detail) in Self.mistakes + cursors + rest {
            let error = try state.error(function, data)
            #expect(error.code == "deserialization_error")
            #expect(error.message == "Failed to deserialize input for \(function): \(detail)")
        }
    }

    @Test(arguments: [[], [0], [255, 0, 16], Array(repeating: 7, count: 401)] as [[UInt8]])
    func cursorsAreText(_ position: [UInt8]) throws {
        let cursor = EntryCursor(position: position)
        #expect(EntryCursor(cursor.text) == cursor)
        #expect(cursor.text.utf8.allSatisfy { $0 < 128 })
    }
}
