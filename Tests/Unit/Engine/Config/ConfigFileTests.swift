import Glibc
import Testing

@testable import Engine

@Suite("the config file on disk, cli.md §2.1")
struct ConfigFileTests {
    private func failure(_ path: String) throws -> ConfigurationError {
        try #require(throws: ConfigurationError.self) { _ = try EngineConfiguration.load(path: path) { _ in nil } }
    }

    @Test("a file with a byte order mark")
    func loads() throws {
        let folder = try TemporaryFolder()
        let path = try folder.file("config.yaml", [0xEF, 0xBB, 0xBF] + Array("workers: [{name: iii-http}]".utf8))
        #expect(try EngineConfiguration.load(path: path) { _ in nil }.listedCount == 1)
    }

    @Test("missing, directory, not UTF-8, too large")
    func refused() throws {
        let folder = try TemporaryFolder()
        let missing = try failure("\(folder.path)/config.yaml")
        #expect(missing.code == .fileNotFound)
        #expect(missing.message.hasPrefix("Config file not found: '\(folder.path)/config.yaml'.\nHint: "))
        let directory = try failure(folder.path)
        #expect(
            directory.message.hasPrefix(
                "Failed to read config file '\(folder.path)': Is a directory (os error 21). Docker creates a directory"
            )
        )
        let bytes = try failure(folder.file("bad.yaml", [0x61, 0xFF]))
        #expect(bytes.message == "Failed to read config file '\(folder.path)/bad.yaml': not UTF-8 text")
        let large = try failure(folder.file("bad.yaml", Array(repeating: 0x23, count: (4 << 20) + 1)))
        #expect(large.message.hasSuffix("larger than 4194304 bytes"))
        #expect(try failure("/proc/self/mem").code == .unreadable)
    }

    @Test("expansion is bounded too")
    func expansionBound() throws {
        let error = try #require(throws: ConfigurationError.self) {
            _ = try EngineConfiguration.parse(Array("a: ${X}${X}".utf8), path: "p") { _ in
                String(repeating: "x", count: 3 << 20)
            }
        }
        #expect(
            error.message == "Failed to read config file 'p': larger than 4194304 bytes once variables are expanded"
        )
    }

    // MARK: Missing file

    private func ensure(_ path: String, interactive: Bool, answer: String?) -> (
        said: String, error: ConfigurationError?
    ) {
        var said = ""
        let terminal = ConfigFilePreparation.Terminal(
            isInteractive: interactive,
            workingDirectory: "/w",
            write: { said += $0 },
            readLine: { answer }
        )
        do throws(ConfigurationError) {
            try ConfigFilePreparation.ensure(path, terminal: terminal)
            return (said, nil)
        } catch {
            return (said, error)
        }
    }

    @Test("a container is not asked and gets no invented file")
    func headless() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/config.yaml"
        let (said, error) = ensure(path, interactive: false, answer: "y")
        #expect(said == "")
        #expect(error?.code == .fileNotFound)
        #expect(access(path, F_OK) != 0)
    }

    @Test("a person who agrees", arguments: ["", "y", "Y", " yes ", "YES"])
    func created(answer: String) throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/config.yaml"
        let (said, error) = ensure(path, interactive: true, answer: answer)
        #expect(error == nil)
        #expect(said.hasPrefix("No \(path) found in /w. Create it and start the engine? [Y/n] Created \(path). "))
        #expect(try EngineConfiguration.load(path: path) { _ in nil }.listedCount == 0)
        #expect(ensure(path, interactive: true, answer: "n").said == "", "an existing file is not asked about")
    }

    @Test("a person who doesn't", arguments: ["n", "no", "x", "yess", nil] as [String?])
    func declined(answer: String?) throws {
        let folder = try TemporaryFolder()
        let (_, error) = ensure("\(folder.path)/config.yaml", interactive: true, answer: answer)
        #expect(error?.code == .aborted)
        #expect(error?.message.hasPrefix("Aborted. Run `iii` from your project directory, or pass --config") == true)
    }

    @Test("no folder to create it in")
    func notCreatable() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/none/config.yaml"
        let (_, error) = ensure(path, interactive: true, answer: "y")
        #expect(error?.message == "failed to create config file '\(path)': No such file or directory (os error 2)")
    }

    @Test("a directory in the file's place is left to the loader")
    func directory() throws {
        let folder = try TemporaryFolder()
        #expect(ensure(folder.path, interactive: false, answer: nil).error == nil)
    }
}
