import Engine
import NIOCore
import NIOHTTP1

/// What the auth function is told (stream.md §6.2).
struct StreamAuthentication {
    /// Longest wait for the auth function; within the listener's own limit for a handshake.
    static let timeout = TimeAmount.seconds(8)

    let json: RawJSON

    init(_ head: HTTPRequestHead, peer: SocketAddress?) {
        var headers = JSONObject()
        for (name, value) in head.headers where value.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) {
            headers[name.lowercased()] = .string(value)
        }
        json = RawJSON([
            "headers": .object(headers),
            "path": .string(head.path.isEmpty ? "/" : String(head.path)),
            "query_params": .object(Self.parameters(head.query)),
            "addr": .string(Self.address(peer)),
        ])
    }

    /// Split on `&` and the first `=`; nothing is decoded.
    private static func parameters(_ query: Substring) -> JSONObject {
        var values: [(key: Name, values: [JSON])] = []
        var places: [Name: Int] = [:]
        for pair in query.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let key = Name(String(parts[0]))
            guard !key.string.isEmpty else { continue }
            let value = JSON.string(parts.count > 1 ? String(parts[1]) : "")
            if let place = places[key] {
                values[place].values.append(value)
            } else {
                places[key] = values.count
                values.append((key, [value]))
            }
        }
        var object = JSONObject()
        for (key, values) in values { object[key.string] = .array(values) }
        return object
    }

    private static func address(_ peer: SocketAddress?) -> String {
        guard let peer, let ip = peer.ipAddress, let port = peer.port else { return "" }
        return peer.protocol == .inet6 ? "[\(ip)]:\(port)" : "\(ip):\(port)"
    }
}
