import Testing

@testable import Adapters
@testable import Engine

@Suite struct UpstreamArchiveTests {
    /// state.md §6.2.
    @Test func theExampleOfTheReference() throws {
        let file: [UInt8] = [
            0x7B, 0x22, 0x6B, 0x22, 0x3A, 0x7B, 0x22, 0x76, 0x22, 0x3A, 0x31, 0x7D, 0x7D, 0x00, 0x00, 0x00,
            0x8D, 0x00, 0x00, 0x00, 0xF0, 0xFF, 0xFF, 0xFF,
        ]
        #expect(try UpstreamArchive.file(#"{"k":{"v":1}}"#) == file)
        #expect(try UpstreamArchive.textRange(of: file) == 0..<13)
    }

    @Test func inlineTexts() throws {
        let inline: [UInt8] = [0x7B, 0x22, 0x6B, 0x22, 0x3A, 0x31, 0x7D, 0xFF]
        #expect(try UpstreamArchive.file(#"{"k":1}"#) == inline)
        #expect(try UpstreamArchive.file("{}") == [0x7B, 0x7D] + Array(repeating: 0xFF, count: 6))
        #expect(try UpstreamArchive.file("") == Array(repeating: 0xFF, count: 8))
    }

    /// The report agentmemory#1364 calls the last bytes of every file garbage. They are padding and root: these three
    /// tails, as reported, are what belongs behind texts of these lengths.
    @Test(
        arguments: [
            (46, 56, [0, 0, 0xAE, 0, 0, 0, 0xD0, 0xFF, 0xFF, 0xFF]),
            (6710, 6720, [0, 0, 0xB6, 0x68, 0, 0, 0xC8, 0xE5, 0xFF, 0xFF]),
            (60_333_865, 60_333_876, [0, 0, 0, 0xA9, 0x7C, 0x62, 0x0E, 0xD4, 0x60, 0x67, 0xFC]),
        ] as [(Int, Int, [UInt8])]
    )
    func reportedTails(_ text: Int, _ size: Int, _ tail: [UInt8]) throws {
        let file = try UpstreamArchive.encode(Array(repeating: 0x20, count: text))
        #expect(file.count == size)
        #expect(Array(file[text...]) == tail)
    }

    @Test func everyLengthRoundTrips() throws {
        for length in 0...300 {
            let text = (0..<length).map { UInt8($0 % 95 + 32) }
            let file = try UpstreamArchive.encode(text)
            #expect(file.count == (length <= 8 ? 8 : (length + 3) / 4 * 4 + 8))
            #expect(try UpstreamArchive.textRange(of: file) == 0..<length)
            #expect(Array(file[..<length]) == text)
        }
    }

    @Test func everyEncodedLengthIsDecoded() {
        let edges = (0...30).flatMap { bit in [(1 << bit) - 1, 1 << bit, (1 << bit) + 1] }
        for length in Array(0...100_000) + edges where length <= UpstreamArchive.maximumTextBytes {
            let encoded = UpstreamArchive.encodedLength(length)
            #expect(encoded & 0xC0 == 0x80 && UpstreamArchive.decodedLength(encoded) == length)
        }
        #expect(UpstreamArchive.maximumFileBytes == 1_073_741_832)
    }

    @Test func textsThatAreNotUTF8() throws {
        let error = #expect(throws: UpstreamArchiveError.self) { try UpstreamArchive.encode([0x61, 0x62, 0xFF]) }
        #expect(error?.code == .notUTF8 && error?.offset == 2)
        var file = try UpstreamArchive.file("a text of more than 8 bytes")
        file[5] = 0xC3
        let found = #expect(throws: UpstreamArchiveError.self) { try UpstreamArchive.textRange(of: file) }
        #expect(found?.code == .notUTF8 && found?.offset == 5)
    }

    /// What is read is what would be written: no other bytes are accepted for any text.
    private func expectTotal(_ file: [UInt8]) {
        do throws(UpstreamArchiveError) {
            let range = try UpstreamArchive.textRange(of: file)
            #expect(range.lowerBound == 0)
            #expect((try? UpstreamArchive.encode(Array(file[range]))) == file)
        } catch {
            #expect(0...file.count ~= error.offset && !error.description.isEmpty)
        }
        let reading = UpstreamReading.of(file)
        if let damage = reading.damage {
            #expect(damage.error.map { 0...file.count ~= $0.offset } == true && !damage.description.isEmpty)
        }
        for entry in reading.index ?? reading.damage?.salvage?.index ?? UpstreamIndex.empty {
            #expect(throws: Never.self) { try JSON.parse(Array(entry.value), maximumDepth: 128) }
        }
    }

    private static let small = [
        "", "{}", #"{"k":1}"#, #"{"kk":1}"#, #"{"k":11}"#, #"{"kkk":1}"#, #"{"k":{"v":1}}"#, #"{"é":"ö","b":[1,2]}"#,
        #"{"a":1,"a":2,"\u0061":3}"#, "not JSON at all", #"{"k":"0123456789012345678901234567890123456789012345"}"#,
    ]

    @Test(arguments: small)
    func everyMutationOfOneByte(_ text: String) throws {
        let file = try UpstreamArchive.file(text)
        for position in file.indices {
            for value in 0...255 as ClosedRange<UInt8> where value != file[position] {
                var mutant = file
                mutant[position] = value
                expectTotal(mutant)
            }
        }
    }

    @Test(arguments: small)
    func everyCutAndEveryExtension(_ text: String) throws {
        let file = try UpstreamArchive.file(text)
        for count in 0..<file.count {
            expectTotal(Array(file[..<count]))
            expectTotal(Array(file[count...]))
            for part in [[0], [0xFF], [0x20], Array(file[count...]), Array(repeating: 0, count: 8)] as [[UInt8]] {
                expectTotal(Array(file[..<count]) + part + Array(file[count...]))
            }
        }
        for count in 1...16 { expectTotal(file + Array(repeating: 0, count: count)) }
    }

    /// Every root over a small file: all lengths and offsets around it, and the extremes.
    @Test func everyRoot() throws {
        let file = try UpstreamArchive.file(#"{"k":{"v":1}}"#)
        let offsets = Array(-40...40).map(Int32.init) + [.min, .min + 1, .max - 1, .max]
        let lengths = Array(0...60) + [1 << 29, UpstreamArchive.maximumTextBytes]
        for length in lengths {
            for offset in offsets {
                var mutant = Array(file.dropLast(8))
                for value in [UpstreamArchive.encodedLength(length), UInt32(bitPattern: offset)] {
                    withUnsafeBytes(of: value.littleEndian) { mutant.append(contentsOf: $0) }
                }
                expectTotal(mutant)
            }
        }
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func randomBytes(_ seed: UInt64) throws {
        var random = UpstreamRandom(seed: seed)
        let alphabet = Array(#"{}[]":,0123456789eE.-+\u truefalsn"#.utf8) + [0, 0x80, 0x8D, 0xF0, 0xFF, 0xC3, 0xA9]
        for _ in 0..<2000 {
            let count = Int.random(in: 0...64, using: &random)
            expectTotal((0..<count).map { _ in random.pick(alphabet) })
        }
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func randomDamageOfRandomIndexes(_ seed: UInt64) throws {
        var random = UpstreamRandom(seed: seed)
        for _ in 0..<200 {
            var builder = UpstreamIndexBuilder()
            for number in 0..<Int.random(in: 0...8, using: &random) {
                var value = JSONWriter()
                value.string(random.text(upTo: 30))
                try builder.append(key: "\(number)\(random.text())", value: value.bytes)
            }
            var file = try builder.finish()
            expectTotal(file)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let position = Int.random(in: 0..<file.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: file[position] = random.pick([0, 0x22, 0x5C, 0x7D, 0x80, 0xFF])
                case 1:
                    file.removeSubrange(position..<min(file.count, position + Int.random(in: 1...20, using: &random)))
                default: file.insert(contentsOf: file[..<position], at: position)
                }
                if file.isEmpty { break }
            }
            expectTotal(file)
        }
    }
}

extension UpstreamIndex {
    fileprivate static let empty = UpstreamIndex(name: "", bytes: [], scan: UpstreamScan([], 0..<0))
}
