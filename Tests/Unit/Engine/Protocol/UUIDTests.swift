import Testing

@testable import Engine

/// Any standard textual form is read, one is written (protocol.md §2).
struct UUIDTests {
    private static let canonical = "5f0c2f4e-8f3e-4a0e-9a39-7a5c2f1d8f10"

    @Test(arguments: [
        canonical,
        "5F0C2F4E-8F3E-4A0E-9A39-7A5C2F1D8F10",
        "5f0c2f4e8f3e4a0e9a397a5c2f1d8f10",
        "5F0C2F4E8F3E4A0E9A397A5C2F1D8F10",
        "{5f0c2f4e-8f3e-4a0e-9a39-7a5c2f1d8f10}",
        "urn:uuid:5f0c2f4e-8f3e-4a0e-9a39-7a5c2f1d8f10",
    ])
    func formsThatAreRead(text: String) {
        #expect(UUID(text)?.description == Self.canonical)
    }

    @Test(arguments: [
        "", "5f0c2f4e", "5f0c2f4e-8f3e-4a0e-9a39-7a5c2f1d8f1", "5f0c2f4e-8f3e-4a0e-9a39-7a5c2f1d8f100",
        "5f0c2f4e-8f3e-4a0e-9a397a5c2f1d8f10-", "5f0c2f4e8-f3e-4a0e-9a39-7a5c2f1d8f10",
        "{5f0c2f4e-8f3e-4a0e-9a39-7a5c2f1d8f10", "5f0c2f4e-8f3e-4a0e-9a39-7a5c2f1d8f1g", "urn:uuid:",
        "5f0c2f4e-8f3e-4a0e-9a39-7a5c2f1d8f1é", " 5f0c2f4e-8f3e-4a0e-9a39-7a5c2f1d8f10",
    ])
    func formsThatAreNot(text: String) {
        #expect(UUID(text) == nil)
    }

    /// Every byte at every place: the quick reader takes what the thorough one takes, and nothing else.
    @Test(arguments: [canonical, canonical.uppercased()])
    func quickReaderAgrees(text: String) {
        for place in 0..<UUID.textLength {
            for byte in UInt8.min...UInt8.max {
                var bytes = Array(text.utf8)
                bytes[place] = byte
                let quick = bytes.withUnsafeBytes { UUID(canonical: $0) }
                #expect(quick == UUID(bytes), "byte \(byte) at \(place)")
            }
        }
    }

    @Test(arguments: ["", "5f0c2f4e8f3e4a0e9a397a5c2f1d8f10", canonical + "0"])
    func quickReaderLeavesOtherLengths(text: String) {
        #expect(Array(text.utf8).withUnsafeBytes { UUID(canonical: $0) } == nil)
    }

    @Test func roundTrips() {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<1000 {
            let id = UUID.random(using: &generator)
            #expect(UUID(id.description) == id)
        }
    }

    @Test func randomOnesAreVersion4() {
        var generator = SeededGenerator(seed: 8)
        for _ in 0..<1000 {
            let text = Array(UUID.random(using: &generator).description)
            #expect(text[14] == "4")
            #expect("89ab".contains(text[19]))
        }
    }
}
