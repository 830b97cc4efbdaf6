#if canImport(Glibc)
    import Glibc
#endif

/// Reading config.yaml from disk, with errors that say what stands in the file's place.
public enum ConfigFile {
    /// The file's bytes without a byte order mark.
    static func read(_ path: String) throws(ConfigurationError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { throw .fileNotFound(path) }
            throw .unreadable(path, SystemError.describe(errno))
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .unreadable(path, SystemError.describe(errno)) }
        guard status.st_mode & S_IFMT != S_IFDIR else {
            throw .unreadable(
                path,
                SystemError.describe(EISDIR) + ". Docker creates a directory when the file of a bind mount doesn't "
                    + "exist on the host: check the left side of the volume."
            )
        }
        let bytes = try readAll(descriptor, path)
        guard String(validating: bytes, as: UTF8.self) != nil else { throw .unreadable(path, "not UTF-8 text") }
        return bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
    }

    private static func readAll(_ descriptor: Int32, _ path: String) throws(ConfigurationError) -> [UInt8] {
        do throws(FileBytes.Failure) {
            return try FileBytes.read(descriptor, maximum: EngineConfiguration.maximumBytes)
        } catch {
            throw .unreadable(path, error.reason)
        }
    }
}

/// The text of an errno, as upstream prints it: `Permission denied (os error 13)`.
enum SystemError {
    static func describe(_ code: Int32) -> String {
        "\(String(cString: strerror(code))) (os error \(code))"
    }
}

/// The variables of this process.
public enum ProcessEnvironment {
    /// Nil when the variable is unset or its value isn't UTF-8; "" when it is set but empty.
    public static func value(_ name: String) -> String? {
        guard !name.utf8.contains(0), let value = getenv(name) else { return nil }
        return String(validatingCString: value)
    }
}
