import Glibc
import Testing

@testable import Storage
@testable import StorageTesting

@Suite struct EncryptionKeyFileTests {
    /// A directory that goes away with the test.
    struct Directory: ~Copyable {
        let path: String

        init() {
            var template = Array("/tmp/iii-keys-XXXXXX".utf8CString)
            path = String(cString: mkdtemp(&template)!)
        }

        deinit {
            unlink(file)
            rmdir(path)
        }

        var file: String { path + "/key" }

        func write(_ content: [UInt8]) {
            let descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
            precondition(descriptor >= 0 && Glibc.write(descriptor, content, content.count) == content.count)
            close(descriptor)
        }
    }

    private func key(_ content: [UInt8]) throws(StorageError) -> EncryptionKey {
        let directory = Directory()
        directory.write(content)
        return try EncryptionKey(file: directory.file)
    }

    private func refusal(_ content: [UInt8]) -> StorageError? {
        do throws(StorageError) {
            _ = try key(content)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: EncryptionKeyTextTests.accepted)
    func acceptsTexts(_ text: String) throws {
        #expect(try key(Array(text.utf8)).id == FormatVectors.keyID)
    }

    @Test(arguments: EncryptionKeyTextTests.refused)
    func refusesTexts(_ text: String, _ problem: String) {
        let error = refusal(Array(text.utf8))
        #expect(error?.code == .unusableKey)
        #expect(error?.path?.hasSuffix("/key") == true)
        #expect(error?.message.contains(problem) == true, "\(error?.message ?? "")")
        #expect(!EncryptionKeyTextTests.tells(error, text))
    }

    @Test func thirtyTwoRawBytesAreAKey() throws {
        #expect(try key(FormatVectors.keyBytes).id == FormatVectors.keyID)
        // One byte that is no text suffices.
        let nearlyText = [UInt8](repeating: 0x41, count: 31) + [0x80]
        #expect(try key(nearlyText).id == EncryptionKey(bytes: nearlyText).id)
        // A line break at the end of raw bytes is one of them.
        let endsInLineBreak = FormatVectors.keyBytes.dropLast() + [0x0A]
        #expect(try key(Array(endsInLineBreak)).id == EncryptionKey(bytes: Array(endsInLineBreak)).id)
    }

    @Test func otherRawLengthsAreRefused() {
        for count in (0...100).filter({ ![32, 44, 64].contains($0) }) + [1023, 1024] {
            let error = refusal([UInt8](repeating: 0xB7, count: count))
            #expect(error?.code == .unusableKey)
            #expect(error?.message.contains(count == 0 ? "it is empty" : "it has \(count) characters") == true)
        }
    }

    /// 16 random bytes in hexadecimal are 32 characters; so are many passwords.
    @Test func textOfThirtyTwoCharactersIsRefused() {
        for text in [
            "00112233445566778899aabbccddeeff", "correct horse battery staple 1234",
            "0123456789abcdef0123456789abcde\n",
        ] {
            let content = Array(text.utf8.prefix(32))
            let error = refusal(content)
            #expect(error?.message.contains("32 characters of text are not 32 random bytes") == true)
            #expect(!EncryptionKeyTextTests.tells(error, String(decoding: content, as: UTF8.self)))
        }
        #expect(refusal([UInt8](repeating: 0, count: 32))?.message.contains("all its bytes are zero") == true)
    }

    @Test func nothingBeyondTheLimitIsRead() {
        for count in [1025, 4096, 1 << 20] {
            #expect(refusal([UInt8](repeating: 0xB7, count: count))?.message.contains("larger than 1 KiB") == true)
        }
    }

    @Test func aMissingFileIsNamed() {
        let error = #expect(throws: StorageError.self) { try EncryptionKey(file: "/tmp/iii-no-such-key") }
        #expect(error?.code == .unusableKey)
        #expect(error?.path == "/tmp/iii-no-such-key")
        #expect(error?.systemCall?.number == ENOENT)
        #expect(error?.message.contains("No such file or directory") == true)
        #expect(error?.message.contains("check its path") == true)
    }

    /// Neither directories nor devices; a pipe that nobody writes to must not make the opening wait.
    @Test func onlyRegularFilesAreRead() {
        let directory = Directory()
        precondition(mkfifo(directory.file, 0o600) == 0)
        for path in [directory.path, "/dev/zero", directory.file] {
            let error = #expect(throws: StorageError.self) { try EncryptionKey(file: path) }
            #expect(error?.code == .unusableKey)
            #expect(error?.path == path)
            #expect(error?.message.contains("not a regular file") == true)
        }
    }

    @Test(.enabled(if: geteuid() != 0, "root may read everything"))
    func anUnreadableFileIsNamed() {
        let directory = Directory()
        directory.write(FormatVectors.keyBytes)
        chmod(directory.file, 0)
        let path = directory.file
        let error = #expect(throws: StorageError.self) { try EncryptionKey(file: path) }
        #expect(error?.systemCall?.number == EACCES)
    }
}
