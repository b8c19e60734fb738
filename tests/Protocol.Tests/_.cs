namespace EmailService.Protocol.Tests;
