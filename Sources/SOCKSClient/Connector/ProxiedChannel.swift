public import NIOCore
public import SOCKSCore
import SOCKSNIO

/// A channel to a target, through a gateway.
///
/// Nothing is read from it before it is asked to (`autoRead` is off), so there is time to add handlers; no octet is lost
/// or comes twice. What is written to it is protected on the way to the gateway, and what is read has been checked: the
/// first fault ends the channel with an error.
public struct ProxiedChannel: Sendable {
  /// The channel; its inbound and outbound type is `ByteBuffer`.
  public let channel: any Channel

  /// The level agreed, and what is known of the context and its two ends; nil only where the connector was made without
  /// protection.
  public let protection: AgreedProtection?

  /// The address from which the gateway reaches the target, as the gateway says; after BIND the peer's address.
  public let boundAddress: SOCKSAddress

  let ticket: TicketEnd

  init(channel: any Channel, _ outcome: ClientNegotiationHandler.Outcome) {
    self.ticket = TicketEnd(outcome.protection, now: channel.eventLoop.now)
    self.channel = channel
    self.protection = outcome.protection
    self.boundAddress = outcome.reply.bound
  }

  /// What was agreed, in one line for a log or a person.
  public var summary: String { self.protection?.summary ?? "without protection" }
}

extension AgreedProtection {
  /// One line for a log or a person.
  var summary: String {
    let type = self.attributes.encryptionType.map { ", encryption type \($0)" } ?? ""
    return "level \(self.level.rawValue) (\(self.level)), \(self.attributes.mechanism)\(type), "
      + "as \(escaped(self.attributes.initiatorName)) to \(escaped(self.attributes.acceptorName))"
  }
}
