import BenchKit
import Glibc

/// Blocking sockets on 127.0.0.1: free ports, readiness, one HTTP exchange.
enum Loopback {
    private static let readinessDeadlineMilliseconds = 20_000

    private static func address(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    private static func withAddress<Result>(
        _ port: Int,
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        var address = address(port)
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    static func socket() throws -> Int32 {
        let descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw BenchError("no socket: errno \(errno)") }
        return descriptor
    }

    /// A listening socket on a port of the kernel's choice.
    static func listener() throws -> (descriptor: Int32, port: Int) {
        let descriptor = try socket()
        var bound = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withAddress(0) { bind(descriptor, $0, $1) }
        let named = withUnsafeMutablePointer(to: &bound) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        guard status == 0, named == 0, listen(descriptor, 16) == 0 else {
            throw BenchError("can't listen on 127.0.0.1: errno \(errno)")
        }
        return (descriptor, Int(UInt16(bigEndian: bound.sin_port)))
    }

    /// A port that was free a moment ago.
    static func freePort() throws -> Int {
        let (descriptor, port) = try listener()
        close(descriptor)
        return port
    }

    static func connected(to port: Int) throws -> Int32 {
        let descriptor = try socket()
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        guard withAddress(port, { connect(descriptor, $0, $1) }) == 0 else {
            let reason = errno
            close(descriptor)
            throw BenchError("can't connect to 127.0.0.1:\(port): errno \(reason)")
        }
        return descriptor
    }

    /// Waits until `child` takes connections on `port`.
    static func waitUntilListening(_ port: Int, _ child: ChildProcess) throws {
        let deadline = monotonicNanoseconds() + readinessDeadlineMilliseconds * 1_000_000
        while monotonicNanoseconds() < deadline {
            if let descriptor = try? connected(to: port) {
                close(descriptor)
                return
            }
            guard child.isRunning else { throw child.gone() }
            sleep(milliseconds: 20)
        }
        throw BenchError("\(child.name) doesn't listen on port \(port) after \(readinessDeadlineMilliseconds) ms")
    }

    /// Writes all of it to a blocking socket.
    static func send(_ bytes: [UInt8], _ descriptor: Int32) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 || errno == EINTR else { throw BenchError("can't send: errno \(errno)") }
            sent += max(0, count)
        }
    }

    /// The response to `POST path` with a JSON body, as text.
    static func post(_ path: String, _ body: String, port: Int) throws -> String {
        let descriptor = try connected(to: port)
        defer { close(descriptor) }
        let request =
            "POST \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nConnection: close\r\n"
            + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
        try send(Array(request.utf8), descriptor)
        var response: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while case let count = read(descriptor, &chunk, chunk.count), count > 0 { response += chunk[..<count] }
        return String(decoding: response, as: UTF8.self)
    }
}
