namespace EmailService.Tests;
