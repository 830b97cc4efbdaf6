import Testing

@testable import Adapters

@Suite struct UpstreamIndexNameTests {
    @Test(arguments: [
        ("", ".bin"), ("users", "users.bin"), ("a/b", "a%2Fb.bin"), ("AZaz09-_.", "AZaz09-_..bin"),
        ("stream:chat:room-1", "stream%3Achat%3Aroom-1.bin"), ("mem:insights", "mem%3Ainsights.bin"),
        ("cron_locks", "cron_locks.bin"), ("_queue_lists", "_queue_lists.bin"), (".", "..bin"), ("..", "...bin"),
        (".bin", ".bin.bin"), ("a.bin.tmp", "a.bin.tmp.bin"), ("%", "%25.bin"), ("%2F", "%252F.bin"),
        (" ~\n\u{0}", "%20%7E%0A%00.bin"), ("é", "%C3%A9.bin"), ("e\u{301}", "e%CC%81.bin"), ("😀", "%F0%9F%98%80.bin"),
        ("\u{10FFFF}", "%F4%8F%BF%BF.bin"),
    ])
    func table(_ index: String, _ file: String) throws {
        #expect(try UpstreamIndexName.encode(index) == file)
        #expect(Array(try UpstreamIndexName.decode(file).utf8) == Array(index.utf8))
    }

    @Test(
        arguments: [
            ("", .noSuffix, 0), ("users", .noSuffix, 5), ("users.bin.tmp", .noSuffix, 13), ("bin", .noSuffix, 3),
            ("users.BIN", .noSuffix, 9), ("%.bin", .invalidEscape, 0), ("a%2.bin", .invalidEscape, 1),
            ("a%2f.bin", .invalidEscape, 1), ("%GG.bin", .invalidEscape, 0), ("%41.bin", .needlessEscape, 0),
            ("x%2Dy.bin", .needlessEscape, 1), ("a:b.bin", .notEscaped, 1), ("a b.bin", .notEscaped, 1),
            ("é.bin", .notEscaped, 0), ("%FF.bin", .notUTF8, 0), ("%C3.bin", .notUTF8, 0),
            ("%ED%A0%80.bin", .notUTF8, 0),
        ] as [(String, UpstreamNameError.Code, Int)]
    )
    func namesThatUpstreamDoesNotWrite(_ file: String, _ code: UpstreamNameError.Code, _ offset: Int) {
        #expect(throws: UpstreamNameError(code, at: offset)) { try UpstreamIndexName.decode(file) }
    }

    @Test func everyCharacterAloneRoundTrips() throws {
        for value in 0...0x10FFFF as ClosedRange<UInt32> where value < 0x3000 || value % 997 == 0 {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let index = String(Character(scalar))
            let file = try UpstreamIndexName.encode(index)
            #expect(file.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") })
            #expect(try UpstreamIndexName.decode(file).utf8.elementsEqual(index.utf8))
        }
    }

    /// Two files can't mean one index: whatever decodes encodes to the same name.
    @Test func decodingIsOneToOne() throws {
        let alphabet = ["a", "A", "%", "2", "F", "f", "C", "3", ":", ".", "/", "é"]
        var accepted = 0
        func extend(_ stem: String, by count: Int) throws {
            if let index = try? UpstreamIndexName.decode(stem + ".bin") {
                accepted += 1
                #expect(try UpstreamIndexName.encode(index) == stem + ".bin")
            }
            guard count > 0 else { return }
            for letter in alphabet { try extend(stem + letter, by: count - 1) }
        }
        try extend("", by: 4)
        #expect(accepted > 1000)
    }

    @Test func namesThatNoFileSystemTakes() throws {
        let longest = UpstreamIndexName.maximumEncodedBytes
        #expect(longest == 247)
        let file = try UpstreamIndexName.encode(String(repeating: "x", count: longest))
        #expect(file.utf8.count + ".tmp".utf8.count == 255)
        for name in [
            String(repeating: "x", count: 248), String(repeating: ":", count: 83), String(repeating: "é", count: 42),
        ] {
            let error = #expect(throws: UpstreamError.self) { try UpstreamIndexName.encode(name) }
            #expect(error?.code == .nameTooLong)
        }
        #expect(throws: Never.self) { try UpstreamIndexName.encode(String(repeating: ":", count: 82)) }
        // Longer than upstream could save again, but readable.
        #expect(try UpstreamIndexName.decode(String(repeating: "x", count: 251) + ".bin").count == 251)
    }

    @Test(
        arguments: [
            ("stream:chat:room-1", "chat", "room-1", false), ("stream::", "", "", false), ("stream:a:", "a", "", false),
            ("stream::b", "", "b", false), ("stream:chat:user:42", "chat", "user:42", true),
            ("stream:é:字", "é", "字", false),
        ] as [(String, String, String, Bool)]
    )
    func streams(_ index: String, _ stream: String, _ group: String, _ isAmbiguous: Bool) throws {
        let name = try #require(UpstreamStreamName(index: index))
        #expect(name.stream == stream && name.group == group && name.isAmbiguous == isAmbiguous)
        #expect(UpstreamStreamName.index(stream: stream, group: group) == index)
    }

    @Test(arguments: ["", "stream", "stream:", "stream:chat", "Stream:a:b", "xstream:a:b"])
    func whatIsNoStream(_ index: String) {
        #expect(UpstreamStreamName(index: index) == nil)
    }
}
