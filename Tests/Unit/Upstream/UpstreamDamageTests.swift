import Testing

@testable import Adapters

/// What is said of a damaged file, and what is read from it all the same.
@Suite struct UpstreamDamageTests {
    private static let three = #"{"a":1,"b":"two","c":[3]}"#

    private func damage(_ file: [UInt8]) throws -> UpstreamDamage { try #require(UpstreamReading.of(file).damage) }

    /// agentmemory#1364: the last 8 to 11 bytes, which are the format's own, were taken for garbage and cut off.
    /// Upstream skips such a file, starts with an empty index and overwrites it: so, most likely, 2,643 keys were lost.
    @Test func theRootWasCutOff() throws {
        for tail in ["", "\n", "\0", "\0\0\0", "\r\n"] {
            let damage = try damage(Array((Self.three + tail).utf8))
            #expect(damage.error?.code == .noRoot)
            let salvage = try #require(damage.salvage)
            #expect(
                salvage.extent == .wholeObject && salvage.remainder == .blank && salvage.readBytes == Self.three.count
            )
            #expect(salvage.index.lines == ["a=1", #"b="two""#, "c=[3]"])
        }
    }

    /// A shorter image over a longer one, in place: the old one's end stays, with its root. For every pair of lengths.
    @Test func theRootIsAnOlderFiles() throws {
        let texts = try (0...40).map { length in
            let text = length == 0 ? "{}" : #"{"k":""# + String(repeating: "x", count: length - 1) + #""}"#
            return (text, try UpstreamArchive.file(text))
        }
        for (older, old) in texts {
            for (newer, new) in texts where new.count < old.count {
                let damage = try damage(new + old[new.count...])
                // Closer ones overwrite the old padding and root in part.
                if new.count + 12 <= old.count {
                    #expect(damage.error?.code == .trailingBytes, "\(newer) over \(older)")
                }
                let salvage = try #require(damage.salvage)
                #expect(salvage.extent == .wholeObject && salvage.readBytes == newer.count)
                #expect(salvage.remainder == .ownRoot(at: newer.count <= 8 ? 0 : new.count - 8))
                #expect(salvage.index.count == (newer == "{}" ? 0 : 1))
            }
        }
    }

    @Test func bytesWereAppended() throws {
        let file = try UpstreamArchive.file(Self.three)
        for garbage in ["x", "garbage behind the root", "\u{80}\u{80}\u{80}\u{80}\u{80}\u{80}", Self.three] {
            let salvage = try #require(try damage(file + Array(garbage.utf8)).salvage)
            #expect(salvage.index.count == 3 && salvage.remainder == .ownRoot(at: 28))
        }
    }

    /// What looks like a root but names another length or start confirms nothing.
    @Test func bytesWereAppendedBehindAnotherRoot() throws {
        let sound = try UpstreamArchive.file(Self.three)
        for position in [28, 32] {
            var file = sound
            file[position] ^= 1
            let salvage = try #require(try damage(file + Array("garbage".utf8)).salvage)
            #expect(salvage.index.count == 3 && salvage.remainder == .other)
        }
    }

    /// A cut text: whole entries are read, and no number that may have had more digits.
    @Test func theFileWasCut() throws {
        let text = #"{"a":123,"b":{"c":[1,2]},"d":"e"}"#
        let file = try UpstreamArchive.file(text)
        let complete = [9, 25]  // Behind the comma, where the entry before it is known to be whole.
        for count in 1..<(text.utf8.count) {
            let damage = try damage(Array(file[..<count]))
            let expected = complete.filter { $0 <= count }.count + (count >= text.utf8.count ? 1 : 0)
            #expect(damage.salvage?.index.count ?? 0 == expected, "cut at \(count)")
            #expect(damage.salvage.map { $0.extent == .leadingEntries && $0.remainder == .other } != false)
        }
    }

    @Test func damageInTheMiddle() throws {
        let damage = try damage(UpstreamArchive.file(#"{"a":1,"b":[tru],"c":3}"#))
        #expect(damage.error?.code == .notJSON && damage.error?.offset == 12)
        #expect(damage.salvage?.index.lines == ["a=1"])
        #expect(damage.description.hasPrefix("x.bin: notJSON at byte 12: "))
        #expect(damage.description.hasSuffix("the first 1 entries can be read, up to byte 6; what follows is lost"))
    }

    @Test(arguments: ["[1,2,3,4,5,6]", "\"a string, no object\"", "no JSON whatsoever", "           "])
    func nothingToSalvage(_ text: String) throws {
        // Without the root, and so with it cut off, too.
        #expect(try self.damage(Array((text + "\n").utf8)).salvage == nil)
        let damage = try damage(UpstreamArchive.file(text))
        #expect(damage.salvage == nil)
        #expect([.notAnObject, .notJSON].contains(damage.error?.code))
    }

    @Test(arguments: [0, 1, 7, 8, 4096])
    func powerLossBeforeTheContentWasWritten(_ count: Int) throws {
        let damage = try damage(Array(repeating: 0, count: count))
        #expect(damage.error?.code == (count < 8 ? .tooShort : .onlyZeros))
        #expect(damage.salvage == nil)
    }

    /// A newer image torn while it was written over the old one in place, at every byte. The format has no checksum:
    /// where both halves make one object of the old length, nothing can tell. Everything else is told.
    @Test func tornRewrites() throws {
        let old = try UpstreamArchive.file(#"{"a":1,"b":"the older one","c":3}"#)
        let new = try UpstreamArchive.file(#"{"a":1,"b":"a newer one, and longer","c":4,"d":5}"#)
        for count in 1..<old.count {
            let reading = UpstreamReading.of(Array(new[..<count]) + Array(old[count...]))
            guard let index = reading.index else { continue }
            #expect(index.map(\.key) == ["a", "b", "c"] && index[1].value.count == 15)
        }
    }
}
