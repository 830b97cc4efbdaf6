import Testing

@testable import Storage
@testable import StorageTesting

@Suite struct EncryptionKeyTests {
    @Test func theIDIsThePublishedFunctionOfTheKey() throws {
        let key = try FormatVectors.key()
        #expect(key.id == FormatVectors.keyID)
        #expect("\(key.id)" == "87496d14030a8490")
        #expect("\(KeyID(rawValue: 1))" == "0000000000000001")
    }

    @Test func onlyThirtyTwoBytesAreAKey() {
        for count in 0...64 where count != 32 {
            let error = #expect(throws: StorageError.self) {
                try EncryptionKey(bytes: [UInt8](repeating: 1, count: count))
            }
            #expect(error?.code == .unusableKey)
            #expect(error?.message.contains("it has \(count) bytes, not 32") == true)
        }
    }

    /// Every way to turn a value into text, alone and inside others.
    @Test func aKeyIsNeverPrinted() throws {
        let key = try FormatVectors.key()
        let keys = EncryptionKeys(current: key, previous: [key])
        var dumped = ""
        dump(key, to: &dumped)
        dump(keys, to: &dumped)
        dump([key.id: key], to: &dumped)
        let texts = [
            "\(key)", String(reflecting: key), String(describing: Optional(key)), "\([key])", "\(keys)",
            String(reflecting: keys), "\(Mirror(reflecting: key).children.map { "\($0)" })", dumped,
        ]
        for text in texts {
            #expect(text.contains("87496d14030a8490"))
            #expect(!Self.shows(FormatVectors.keyBytes, text), "\(text)")
        }
        #expect("\(key)" == "EncryptionKey(id: 87496d14030a8490)")
        #expect("\(key)" == String(reflecting: key))
        #expect(Mirror(reflecting: key).children.map(\.label) == ["id"])
    }

    /// Eight bytes of the key in a row, in the usual spellings.
    static func shows(_ key: [UInt8], _ text: String) -> Bool {
        let text = text.lowercased()
        return (0...key.count - 8).contains { start in
            let part = key[start..<start + 8]
            let hexadecimal = part.map { $0 < 16 ? "0" + String($0, radix: 16) : String($0, radix: 16) }
            return text.contains(hexadecimal.joined()) || text.contains(hexadecimal.joined(separator: " "))
                || text.contains(part.map(String.init).joined(separator: ", "))
        }
    }

    @Test func randomKeysDiffer() {
        #expect(Set((0..<100).map { _ in EncryptionKey.random().id }).count == 100)
    }

    @Test func newTextIsAKey() throws {
        let text = EncryptionKey.newText()
        #expect(text.utf8.count == 64)
        #expect(text == text.lowercased())
        _ = try EncryptionKey(text: text)
        #expect(text != EncryptionKey.newText())
    }

    /// The library initialises itself under whoever comes first.
    @Test func manyThreadsMayMakeKeysAtOnce() async {
        let ids = await withTaskGroup(of: KeyID.self) { group in
            for _ in 0..<64 { group.addTask { EncryptionKey.random().id } }
            return await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(ids.count == 64)
    }

    @Test func keysAreFoundByID() throws {
        let new = EncryptionKey.random()
        let old = EncryptionKey.random()
        let older = EncryptionKey.random()
        let keys = EncryptionKeys(current: new, previous: [old, older])
        for key in [new, old, older] {
            #expect(keys.key(key.id)?.id == key.id)
            #expect(try keys.key(key.id, neededFor: "/data").id == key.id)
        }
        #expect(keys.key(FormatVectors.keyID) == nil)
        #expect(EncryptionKeys(previous: [old]).key(old.id)?.id == old.id)
        #expect(EncryptionKeys().key(old.id) == nil)
    }

    @Test func aMissingKeyIsNamed() throws {
        let key = EncryptionKey.random()
        let wrong = #expect(throws: StorageError.self) {
            try EncryptionKeys(current: key).key(FormatVectors.keyID, neededFor: "/data/wal/1.wal")
        }
        #expect(wrong?.code == .unusableKey)
        #expect(wrong?.path == "/data/wal/1.wal")
        #expect(wrong?.message.contains("the key 87496d14030a8490, but the given keys are \(key.id).") == true)
        let none = #expect(throws: StorageError.self) {
            try EncryptionKeys().key(FormatVectors.keyID, neededFor: "/data/wal/1.wal")
        }
        #expect(none?.message.contains("no key was given") == true)
    }
}
