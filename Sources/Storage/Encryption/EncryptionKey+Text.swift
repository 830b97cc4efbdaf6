extension EncryptionKey {
    /// A key that came as text, for instance out of an environment variable. The text itself stays in memory with
    /// whoever holds it: prefer a file.
    ///
    /// - Parameter text: 64 hexadecimal digits or the base64 of 32 bytes, and a line break at the end if need be.
    /// - Throws: `unusableKey`, which tells the text's length and nothing else of it.
    public init(text: String) throws(StorageError) {
        var text = text
        var outcome = Result<EncryptionKey, KeyText.Failure>.failure(.empty)
        text.withUTF8 { characters in
            do throws(KeyText.Failure) {
                outcome = .success(try EncryptionKey(characters: UnsafeRawBufferPointer(characters)))
            } catch {
                outcome = .failure(error)
            }
        }
        switch outcome {
        case .success(let key): self = key
        case .failure(let failure): throw .unusableKey(failure.problem)
        }
    }

    init(characters: UnsafeRawBufferPointer) throws(KeyText.Failure) {
        self.init(
            try SecretBytes(count: Self.bytes) { place throws(KeyText.Failure) in
                try KeyText.decode(characters, into: place)
            }
        )
    }

    /// A new key as 64 hexadecimal digits, for a command that makes keys. Nothing here prints a key that is in use.
    public static func newText() -> String {
        random().withBytes { bytes in
            bytes.reduce(into: "") { text, byte in
                text += byte < 16 ? "0" : ""
                text += String(byte, radix: 16)
            }
        }
    }
}
