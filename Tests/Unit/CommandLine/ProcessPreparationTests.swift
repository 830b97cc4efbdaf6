import Glibc
import Testing

@testable import iii

@Suite struct ProcessPreparationTests {
    /// `ulimit -f` ended the engine with SIGXFSZ; as an error of the write it is lack of room, which passes.
    @Test func aLimitOnTheSizeOfFilesIsAnErrorOfTheWrite() async {
        await #expect(processExitsWith: .success) {
            Process.prepare()
            var name = Array("/tmp/process-test-XXXXXX".utf8CString)
            let file = mkstemp(&name)
            unlink(name)
            var limit = rlimit(rlim_cur: 4096, rlim_max: 4096)
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            exit(pwrite(file, "x", 1, 8192) < 0 && errno == EFBIG ? 0 : 1)
        }
    }
}
