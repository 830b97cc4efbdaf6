import Testing

@testable import Storage
@testable import StorageTesting

/// What counts as a written key, as text and in a file.
@Suite struct EncryptionKeyTextTests {
    static let hexadecimal = FormatVectors.keyHexadecimal
    static let base64 = FormatVectors.keyBase64

    static let accepted = [
        hexadecimal, hexadecimal.uppercased(), hexadecimal + "\n", hexadecimal + "\r\n", base64, base64 + "\n",
        base64 + "\r\n",
    ]

    /// Each with a part of the message.
    static let refused: [(text: String, problem: String)] = [
        ("", "it is empty"),
        ("\n", "it is empty"),
        ("\r\n", "it is empty"),
        ("\n\n", "it has 1 characters"),
        ("short", "it has 5 characters"),
        (String(hexadecimal.dropLast()), "it has 63 characters"),
        (hexadecimal + "0", "it has 65 characters"),
        (" " + hexadecimal, "it has 65 characters"),
        (hexadecimal + "\r", "it has 65 characters"),
        (hexadecimal + "\n\n", "it has 65 characters"),
        ("0x" + hexadecimal, "it has 66 characters"),
        (hexadecimal.dropLast() + "g", "the length of hexadecimal"),
        (hexadecimal.dropLast() + " ", "the length of hexadecimal"),
        ("é" + hexadecimal.dropLast(2), "the length of hexadecimal"),
        (String(repeating: "0", count: 64), "all its bytes are zero"),
        (String(base64.dropLast()), "it has 43 characters"),
        (base64 + "=", "it has 45 characters"),
        (base64.dropLast() + "A", "the length of base64"),
        (base64.dropFirst() + "=", "the length of base64"),
        ("=" + base64.dropFirst(), "the length of base64"),
        ("-_" + base64.dropFirst(2), "the length of base64"),
        ("\n" + base64.dropFirst(), "the length of base64"),
        // The last character's low two bits belong to no byte.
        (base64.dropLast(2) + "9=", "the length of base64"),
        (base64.dropLast(2) + "+=", "the length of base64"),
        (String(repeating: "A", count: 43) + "=", "all its bytes are zero"),
    ]

    @Test(arguments: accepted)
    func accepts(_ text: String) throws {
        #expect(try EncryptionKey(text: text).id == FormatVectors.keyID)
    }

    @Test(arguments: refused)
    func refuses(_ text: String, _ problem: String) {
        let error = #expect(throws: StorageError.self) { try EncryptionKey(text: text) }
        #expect(error?.code == .unusableKey)
        #expect(error?.message.contains(problem) == true, "\(error?.message ?? "")")
        #expect(error?.message.contains("openssl rand") == true)
        #expect(!Self.tells(error, text))
    }

    /// Any eight characters in a row of what should have been a secret.
    static func tells(_ error: StorageError?, _ text: String) -> Bool {
        let shown = "\(error?.description ?? "") \(String(reflecting: error))"
        let characters = Array(text)
        guard characters.count >= 8 else { return false }
        return (0...characters.count - 8).contains { shown.contains(String(characters[$0..<$0 + 8])) }
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func roundTrips(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<500 {
            let key = generator.bytes(32)
            let id = try EncryptionKey(bytes: key).id
            let hexadecimal = key.map { $0 < 16 ? "0" + String($0, radix: 16) : String($0, radix: 16) }.joined()
            #expect(try EncryptionKey(text: hexadecimal).id == id, "seed \(seed)")
            #expect(try EncryptionKey(text: Self.base64(key)).id == id, "seed \(seed)")
        }
    }

    static func base64(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        let bits: [Int] = bytes.flatMap { byte in (0..<8).map { Int(byte) >> (7 - $0) & 1 } } + [0, 0]
        let characters = stride(from: 0, to: bits.count, by: 6).map { start in
            alphabet[bits[start..<start + 6].reduce(0) { $0 << 1 | $1 }]
        }
        return String(characters) + "="
    }

    /// A text is refused or is the key that it spells: no input traps.
    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func mutatedTextsNeverTrap(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<5_000 {
            var text = Array([Self.hexadecimal, Self.base64].randomElement(using: &generator)!.utf8)
            text[Int.random(in: 0..<text.count, using: &generator)] = UInt8(truncatingIfNeeded: generator.next())
            if Bool.random(using: &generator) { text.removeLast(Int.random(in: 0...3, using: &generator)) }
            _ = try? EncryptionKey(text: String(decoding: text, as: UTF8.self))
        }
    }
}
