import Testing

@testable import Adapters
@testable import Engine

@Suite struct UpstreamIndexTests {
    private func index(_ text: String) throws -> UpstreamIndex {
        try #require(UpstreamReading.of(UpstreamArchive.file(text)).index)
    }

    @Test func entriesInOrder() throws {
        let index = try index(#"{"b":1,"a":{"x":[1,2]},"":null,"c":"","d":-1.5e3}"#)
        #expect(index.lines == ["b=1", #"a={"x":[1,2]}"#, "=null", #"c="""#, "d=-1.5e3"])
        #expect(index.name == "x" && index.valueBytes == 24 && index.duplicates.count == 0)
        #expect(try self.index("{}").isEmpty)
    }

    @Test func whiteSpaceIsNoPartOfAValue() throws {
        #expect(try index(" {\n \"a\" : 1 ,\t\"b\" : [ 1 ] } ").lines == ["a=1", "b=[ 1 ]"])
    }

    @Test func keysAreDecodedAndComparedByBytes() throws {
        let index = try index(#"{"é":1,"e\#u{301}":2,"\u00e9":3,"\n\"\\\/":4,"😀":5,"\ud83d\ude00":6,"\u0000":7}"#)
        #expect(index.map { Array($0.key.utf8) } == ["é", "e\u{301}", "\n\"\\/", "😀", "\0"].map { Array($0.utf8) })
        #expect(index.map { $0.value.text } == ["3", "2", "4", "6", "7"])
        #expect(index.duplicates.count == 2 && index.duplicates.keys == ["é", "😀"])
    }

    @Test func theLastOfEqualKeysCountsAtTheFirstPlace() throws {
        let index = try index(#"{"a":1,"b":2,"a":3,"c":4,"a":5,"b":6}"#)
        #expect(index.lines == ["a=5", "b=6", "c=4"])
        #expect(index.duplicates.count == 3 && index.duplicates.keys == ["a", "a", "b"])
    }

    @Test func equalKeysInTwoSpellings() throws {
        #expect(try index(#"{"\u0061":1,"a":2}"#).lines == ["a=2"])
        #expect(try index(#"{"a":1,"\u0061":2}"#).lines == ["a=2"])
    }

    @Test func reportsOfDuplicatesAreBounded() throws {
        let text = "{" + (0..<1000).map { "\"k\($0 % 10)\":\($0)" }.joined(separator: ",") + "}"
        let index = try index(text)
        #expect(index.count == 10 && index.duplicates.count == 990 && index.duplicates.keys.count == 16)
        #expect(index.map { $0.value.text } == (990..<1000).map(String.init))
    }

    @Test func manyKeys() throws {
        let text = "{" + (0..<50_000).map { "\"key-\($0)\":\($0)" }.joined(separator: ",") + "}"
        let index = try index(text)
        #expect(index.count == 50_000 && index.duplicates.count == 0)
        #expect(index[49_999].key == "key-49999" && index[12_345].value.text == "12345")
    }

    /// Same as the tree that the engine's parser builds: keys, order, values, the last of equal keys.
    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func agreesWithTheParser(_ seed: UInt64) throws {
        var random = UpstreamRandom(seed: seed)
        for _ in 0..<100 {
            var writer = JSONWriter()
            writer.beginObject()
            for _ in 0..<Int.random(in: 0...40, using: &random) {
                writer.key(random.text(upTo: 3))
                writer.string(random.text())
            }
            writer.endObject()
            let index = try index(writer.bytes.text)
            let tree = try #require(try JSON.parse(writer.bytes).object)
            #expect(index.map { Array($0.key.utf8) } == tree.keys.map { Array($0.utf8) })
            #expect(index.map { $0.value.text } == tree.values.map(\.description))
        }
    }

    /// Every hash the same: the table must still tell keys apart.
    @Test func tableWithCollisions() {
        var table = UpstreamKeyTable()
        let keys = (0..<200).map { $0 % 150 }
        for (position, key) in keys.enumerated() {
            let known = table.insert(position, hash: key % 3) { keys[$0] == key }
            #expect(known == (position < 150 ? nil : key))
        }
    }
}
