import Glibc
import Testing

@testable import Storage
@testable import iii_storage_inspect

@Suite struct KeygenTests {
    @Test func aFileOfItsOwn() throws {
        let scratch = try Scratch()
        let path = scratch.path + "/key"
        let old = umask(0)
        let run = Run("keygen", "--output", path)
        umask(old)
        #expect(run.status == .sound, "\(run.errors)")
        var facts = stat()
        #expect(stat(path, &facts) == 0 && facts.st_mode & 0o777 == 0o600)
        let id = try EncryptionKey(file: path).id
        #expect(run.text == "key \(id) written to \(path)\n")
        let again = Run("keygen", "--output", path)
        #expect(again.status == .usage && again.errors.contains("there already"))
        #expect(try EncryptionKey(file: path).id == id, "the old key is still there")
        #expect(Run("keygen", "--output", scratch.path + "/none/key").status == .usage)
    }

    @Test func onStandardOutput() throws {
        let (first, second) = (Run("keygen"), Run("keygen"))
        #expect(first.text.utf8.count == 65 && first.text != second.text)
        _ = try EncryptionKey(text: first.text)
    }
}
